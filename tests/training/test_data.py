"""Recordings: only the train split is read, clips are cut to their recording, and what is broken is named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

pytest.importorskip("scipy", reason="the training extra is not installed")

from kws_app.arrays import RATE
from kws_app.errors import ConfigError
from kws_app.training.data import Corpus

WAKEWORDS = [
    "path",
    "word",
    "speaker",
    "seconds",
    "speech_start_s",
    "speech_end_s",
    "rec_start_s",
    "rec_end_s",
    "flags",
]
COMMANDS = ["path", "word", "speaker", "seconds", "speech_start_s", "speech_end_s"]
SEGMENTS = ["path", "start_s", "end_s", "speaker_or_recording"]


def table(path: Path, columns: list[str], *rows: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = ["\t".join(columns), *("\t".join(row.split()) for row in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def audio(path: Path, seconds: float, *, rate: int = RATE, level: float = 0.1) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(0).uniform(-level, level, int(seconds * rate))
    soundfile.write(path, noise, rate)


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    words, commands, background = (tmp_path / name for name in ("wakewords", "speech_commands", "background/train"))
    table(
        words / "manifest.tsv",
        WAKEWORDS,
        "train/smart-mirror/a_1.flac smart-mirror a 3.0 1.0 1.5 0.5 2.0 -",
        "train/smart-mirror/a_2.flac smart-mirror a 3.0 1.0 1.5 0.5 2.0 unsure-times",
        "dev/smart-mirror/b_1.flac smart-mirror b 3.0 1.0 1.5 0.5 2.0 -",
    )
    audio(words / "train/smart-mirror/a_1.flac", 3.0)
    table(commands / "manifest.tsv", COMMANDS, "train/yes/c.wav yes c 1.0 0.2 0.8", "train/no/d.wav no d 1.0 -1 -1")
    audio(commands / "train/yes/c.wav", 1.0, rate=44_100)
    audio(commands / "train/no/d.wav", 1.0)
    table(
        background / "segments.tsv", SEGMENTS, "speech/x.wav 0.0 2.0 x", "speech/x.wav 2.3 4.0 y", "noise/n.wav 0 1 n"
    )
    audio(background / "speech/x.wav", 4.0)
    audio(background / "noise/n.wav", 1.0)
    return tmp_path


def read(root: Path) -> Corpus:
    corpus = Corpus()
    corpus.add_recordings(root, ("smart_mirror",))
    return corpus


def test_a_keyword_is_cut_to_its_recording_and_its_times_move_along(recordings: Path) -> None:
    (clip,) = read(recordings).keywords["smart_mirror"]

    assert len(clip.samples) == int(1.5 * RATE)
    assert (clip.start, clip.end) == (int(0.5 * RATE), int(1.0 * RATE))
    assert clip.samples.dtype == np.int16


def test_dev_speakers_and_unsure_times_are_left_out(recordings: Path) -> None:
    assert read(recordings).speakers == 1


def test_joined_recordings_are_cut_apart(recordings: Path) -> None:
    corpus = read(recordings)

    assert [len(take) for take in corpus.speech] == [2 * RATE, int(4.0 * RATE) - int(2.3 * RATE)]
    assert len(corpus.noise) == 1


def test_another_rate_is_converted_and_unknown_times_are_the_whole_clip(recordings: Path) -> None:
    yes, no = read(recordings).commands

    assert len(yes.samples) == pytest.approx(RATE, abs=2)
    assert (no.start, no.end) == (0, RATE)


def test_what_cannot_be_read_is_skipped_and_counted(recordings: Path) -> None:
    (recordings / "speech_commands/train/yes/c.wav").write_bytes(b"not audio")
    soundfile.write(recordings / "speech_commands/train/no/d.wav", np.zeros(RATE), RATE)

    corpus = read(recordings)

    assert corpus.commands == []
    assert len(corpus.skipped) == 2
    assert "c.wav" in corpus.skipped[0]
    assert "silent" in corpus.skipped[1]


def test_a_speaker_in_two_splits_is_refused_by_name(recordings: Path) -> None:
    table(
        recordings / "wakewords/manifest.tsv",
        WAKEWORDS,
        "train/smart-mirror/a_1.flac smart-mirror a 3.0 1.0 1.5 0.5 2.0 -",
        "dev/smart-mirror/a_3.flac smart-mirror a 3.0 1.0 1.5 0.5 2.0 -",
    )

    with pytest.raises(ConfigError, match=r"manifest\.tsv: speaker: stand in more than one split: a;"):
        read(recordings)


def test_a_folder_without_a_manifest_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"manifest\.tsv: no such file"):
        read(tmp_path)


def test_what_synthesis_holds_back_is_not_trained_on(tmp_path: Path) -> None:
    table(
        tmp_path / "manifest.tsv",
        ["path", "kind", "keyword", "engine", "voice", "split", "speech_start_s", "speech_end_s"],
        "train.flac word smart_mirror espeak anna train 0.2 0.8",
        "test.flac word smart_mirror espeak bob test 0.2 0.8",
    )
    audio(tmp_path / "train.flac", 1.0)
    audio(tmp_path / "test.flac", 1.0)
    corpus = Corpus()

    corpus.add_synthetic(tmp_path)

    assert [clip.speaker for clip in corpus.synthetic["smart_mirror"]] == ["espeak/anna"]
