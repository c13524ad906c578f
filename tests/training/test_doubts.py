"""Doubtful labels: a clip that sounds like another word is named, and its own speaker does not vouch for it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

pytest.importorskip("python_speech_features", reason="the training extra is not installed")
pytest.importorskip("onnx", reason="the training extra is not installed")

from kws_app.arrays import RATE, Samples
from kws_app.training.doubts import COLUMNS, Doubts, recorded_clips, synthetic_clips, write_doubts
from kws_app.training.wordembedding import Centroids, WordEmbedding
from tests.training.ears import word_network

HERTZ = {"high": 3000.0, "low": 300.0}
LEAST = 0.25


@pytest.fixture(scope="module")
def ear() -> WordEmbedding:
    return WordEmbedding(word_network())


def said(word: str, speaker: int, seconds: float = 0.7) -> Samples:
    """A tone for a word, a little higher for each speaker."""
    times = np.arange(int(seconds * RATE)) / RATE
    return np.rint(6000 * np.sin(2 * np.pi * HERTZ[word] * (1 + 0.01 * speaker) * times)).astype(np.int16)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two words by three speakers; one clip of the third is labelled wrongly."""
    rows = ["path word speaker rec_start_s rec_end_s"]
    for word in HERTZ:
        for speaker in range(3):
            name = f"train/{word}/s{speaker}_0.wav"
            rows.append(f"{name} {word} s{speaker} 0.0 0.7")
            path = tmp_path / "wakewords" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            wrong = (word, speaker) == ("high", 2)
            soundfile.write(path, said("low" if wrong else word, speaker), RATE)
    (tmp_path / "wakewords" / "manifest.tsv").write_text("".join(row.replace(" ", "\t") + "\n" for row in rows))
    return tmp_path


def test_a_clip_that_says_another_keyword_is_doubted_and_no_other(data: Path, ear: WordEmbedding) -> None:
    clips = list(recorded_clips(data, ["high", "low"]))

    doubted = Doubts(ear, clips, LEAST).of(clips)

    assert [clip.path.name for clip, _ in doubted] == ["s2_0.wav"]
    assert doubted[0][1].nearest == "low"


def test_a_synthetic_clip_is_compared_with_recordings(data: Path, tmp_path: Path, ear: WordEmbedding) -> None:
    folder = tmp_path / "speech"
    folder.mkdir()
    rows = ["path kind keyword engine voice"]
    for name, word in {"right": "low", "wrong": "high"}.items():
        soundfile.write(folder / f"{name}.wav", said(word, 0), RATE)
        rows.append(f"{name}.wav word low espeak-ng m1")
    rows.append("near.wav near_miss low espeak-ng m1")
    (folder / "manifest.tsv").write_text("".join(row.replace(" ", "\t") + "\n" for row in rows))
    doubts = Doubts(ear, list(recorded_clips(data, ["high", "low"])), LEAST)

    doubted = doubts.of(list(synthetic_clips(folder, ["low"])))

    assert [clip.path.stem for clip, _ in doubted] == ["wrong"]


def test_a_clip_that_cannot_be_read_is_skipped_with_its_name(
    data: Path, ear: WordEmbedding, caplog: pytest.LogCaptureFixture
) -> None:
    clips = list(recorded_clips(data, ["low"]))
    clips[0].path.write_bytes(b"no sound")

    doubted = Doubts(ear, clips, LEAST).of(clips)

    assert clips[0].path not in [clip.path for clip, _ in doubted]
    assert "s0_0.wav" in caplog.text


def test_the_list_has_a_line_for_each_clip_the_most_doubtful_first(data: Path, ear: WordEmbedding) -> None:
    clips = list(recorded_clips(data, ["high", "low"]))

    write_doubts(data / "doubts.tsv", Doubts(ear, clips, 2.0).of(clips))

    lines = [line.split("\t") for line in (data / "doubts.tsv").read_text().splitlines()]
    assert lines[0] == COLUMNS
    assert len(lines) == 1 + len(clips)
    assert lines[1][0].endswith("high/s2_0.wav")


def test_a_speaker_does_not_vouch_for_himself() -> None:
    """He alone says "b" as everybody else says "a"."""
    east, north = np.eye(2, dtype=np.float32)
    clips = [("a", "one", east), ("a", "two", east), ("b", "one", north), ("b", "two", north), ("b", "odd", east)]

    heard = Centroids(clips).hear("b", "odd", east)

    assert (heard.own, heard.nearest) == (0.0, "a")
    assert heard.other == pytest.approx(1.0)


def test_the_loudest_second_and_a_half_is_what_counts(ear: WordEmbedding) -> None:
    word, hush = said("low", 0, 1.5), np.zeros(2 * RATE, np.int16)

    assert ear.embed(np.concatenate([hush, word, hush])) @ ear.embed(word) > 0.99
