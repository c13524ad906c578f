"""Real things that many tests need."""

from __future__ import annotations

import codecs
import gc
import json
import logging
import os
import resource
import signal
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

# Before numpy and torch are loaded: a pool of threads is slower than one at these sizes, and starves its neighbours.
os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}

import numpy as np
import pytest
import soundfile

from kws_app.arrays import RATE, Samples
from tests.tones import sweep

# A shell that starts the tests in its background ignores Ctrl-C for them, and what they start would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).parent.parent
TINY_MODEL = ROOT / "tests" / "models" / "tiny.onnx"

ChangedModel = Callable[[Callable[[Any], object]], Path]
"""Given a change of an ONNX protobuf, writes the tiny model so changed and returns its path."""


@pytest.fixture(scope="session", autouse=True)
def _daemons_in_directories_of_their_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keeps sockets and state of the daemons that tests start out of the system's directories."""
    with pytest.MonkeyPatch.context() as environment:
        _use_directories(environment, tmp_path_factory.mktemp("session"))
        yield


@pytest.fixture(autouse=True)
def _daemons_that_know_nothing_of_earlier_tests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _use_directories(monkeypatch, tmp_path)


def _use_directories(environment: pytest.MonkeyPatch, folder: Path) -> None:
    """As systemd does."""
    environment.setenv("RUNTIME_DIRECTORY", str(folder / "run"))
    environment.setenv("STATE_DIRECTORY", str(folder / "state"))


@pytest.fixture(scope="session")
def tiny_model() -> Path:
    """A real GhostRNN of 7 kB that hears two words, "rise" and "fall"; scripts/make_tiny_model.py trained it."""
    return TINY_MODEL


@pytest.fixture
def changed_model(tmp_path: Path) -> ChangedModel:
    onnx = pytest.importorskip("onnx", reason="the training extra is not installed")

    def write(change: Callable[[Any], object]) -> Path:
        proto = onnx.load_model(TINY_MODEL)
        change(proto)
        path = tmp_path / "changed.onnx"
        path.write_bytes(proto.SerializeToString())
        return path

    return write


@pytest.fixture(scope="session")
def spoken() -> Samples:
    """Three seconds of a quiet room in which "rise" is said once, from 1.0 s to 1.5 s: seeded, synthetic."""
    return spoken_words("rise")


def spoken_words(*words: str, gap: float = 1.0, seed: int = 1) -> Samples:
    """*words* of the tiny model after one another in a quiet room, *gap* seconds before, between and after them."""
    silence = np.zeros(int(gap * RATE))
    parts = [silence, *(part for word in words for part in (SAID[word](), silence))]
    audio = np.concatenate(parts)
    noise = np.random.default_rng(seed).normal(scale=10, size=len(audio))
    return np.rint(audio + noise).astype(np.int16)


SAID = {"rise": lambda: sweep(500, 2000), "fall": lambda: sweep(2000, 500), "hum": lambda: sweep(800, 800)}


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """Four seconds in which "rise" and then "fall" are said, at 1.0 and 2.5 s."""
    path = tmp_path / "words.wav"
    soundfile.write(path, spoken_words("rise", "fall"), RATE)
    return path


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
def logging_as_before() -> Iterator[None]:
    """Takes back what a test sets up of logging."""
    handlers, level = [*logging.root.handlers], logging.root.level
    yield
    logging.root.handlers[:], logging.root.level = handlers, level


def cut(samples: Samples, sizes: Sequence[int]) -> list[Samples]:
    """The samples in blocks of *sizes*, as far as they go, and the rest in one."""
    return np.split(samples, np.minimum(np.cumsum(sizes, dtype=int), len(samples)))


@contextmanager
def disk_with_room_for(size: int) -> Iterator[None]:
    """No file can be made longer than *size* bytes: as near as a test comes to a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@contextmanager
def nobody() -> Iterator[None]:
    """Give up root's right to read everything for a while."""
    if os.geteuid() != 0:
        yield
        return
    codecs.lookup("utf-8-sig")  # Python may lie where only root can load the rest of it
    os.seteuid(65_534)
    try:
        yield
    finally:
        os.seteuid(0)


def modules_loaded_by(program: str) -> set[str]:
    """Every module that is loaded when *program* has run, in an interpreter of its own."""
    listed = f"{program}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", listed], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


def bytes_at_peak(step: Callable[[], object]) -> int:
    """The most memory that Python holds at once for *step*."""
    tracemalloc.start()
    try:
        step()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return peak


def bytes_grown(step: Callable[[], object], *, times: int) -> int:
    """How much more memory Python holds after *times* calls of *step* than after the first tenth as many."""
    tracemalloc.start()
    try:
        for _ in range(times // 10):  # what is made once is made by then, the coverage's tables too
            step()
        gc.collect()  # or what other tests left behind would be counted
        before, _ = tracemalloc.get_traced_memory()
        for _ in range(times):
            step()
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return after - before
