"""Real things that many tests need."""

from __future__ import annotations

import socket
from pathlib import Path

import numpy as np
import pytest

from kws_app.arrays import Samples

RATE = 16_000


@pytest.fixture
def tiny_model() -> Path:
    """A real step graph of a few kB with random weights, written by scripts/make_tiny_model.py."""
    return Path(__file__).parent / "models" / "tiny.onnx"


@pytest.fixture(scope="session")
def spoken() -> Samples:
    """Two seconds that look like a word to a filterbank: quiet noise, two gliding vowels and a hiss between them."""
    rng = np.random.default_rng(1)
    samples = rng.normal(scale=20, size=2 * RATE)
    for begin, end, formants in ((0.5, 0.8, (300, 2200)), (0.95, 1.4, (700, 1200))):
        first, last = int(begin * RATE), int(end * RATE)
        seconds = np.arange(last - first) / RATE
        envelope = np.hanning(last - first)
        for harmonic in range(1, 30):
            hertz = 130 * harmonic
            gain = sum(np.exp(-(((hertz - formant) / 250) ** 2)) for formant in formants)
            glide = 2 * np.pi * hertz * (seconds - 0.1 * seconds**2)
            samples[first:last] += 5000 * gain * envelope * np.sin(glide)
    hiss = slice(int(0.8 * RATE), int(0.95 * RATE))
    samples[hiss] += rng.normal(scale=1500, size=hiss.stop - hiss.start)
    return samples.clip(-32768, 32767).astype(np.int16)


@pytest.fixture(scope="session")
def quiet() -> Samples:
    """Five seconds of a quiet room, seeded."""
    return np.random.default_rng(2).normal(scale=8, size=5 * RATE).astype(np.int16)


@pytest.fixture
def config_file(tmp_path: Path) -> Path:
    """An empty configuration, which is a valid one; tests write into it what they need."""
    path = tmp_path / "config.yaml"
    path.write_text("", encoding="utf-8")
    return path


@pytest.fixture
def unused_port() -> int:
    """A TCP port of the loopback on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])
