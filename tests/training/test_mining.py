"""``kws-train mine``: what a model takes for its words is found where it is, and only in what training hears."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path

import numpy as np
import pytest
import soundfile

pytest.importorskip("scipy", reason="the training extra is not installed")
pytest.importorskip("tqdm", reason="the training extra is not installed")

from kws_app.arrays import RATE
from kws_app.errors import ConfigError
from kws_app.training import mining
from kws_app.training.data import Corpus
from kws_app.training.moments import Moment, read_moments, write_moments
from tests.conftest import spoken_words
from tests.training.test_data import COMMANDS, SEGMENTS, WAKEWORDS, table

SYNTHETIC = ["path", "kind", "keyword", "engine", "voice", "split", "speech_start_s", "speech_end_s"]


def say(path: Path, *words: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, spoken_words(*words), RATE)


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    """The tiny model's "rise" in the talk of somebody who says "hum", and in a near miss."""
    data, synthetic = tmp_path / "data", tmp_path / "synthetic"
    background = data / "background" / "train"
    table(data / "wakewords" / "manifest.tsv", WAKEWORDS)
    table(data / "speech_commands/manifest.tsv", COMMANDS, "train/c.wav hum c 1.0 0.2 0.8", "dev/d.wav hum d 1 0.2 0.8")
    table(background / "segments.tsv", SEGMENTS, "speech/x.wav 0 2 x", "speech/x.wav 2 30 y")
    table(
        synthetic / "manifest.tsv",
        SYNTHETIC,
        "word.wav word rise e v train 0.2 0.8",
        "near.wav near_miss rise e v train 0.2 0.8",
        "test.wav near_miss rise e w test 0.2 0.8",
    )
    say(background / "speech/x.wav", *["hum"] * 4, "rise", *["hum"] * 4)
    say(data / "speech_commands/train/c.wav", "hum")
    for name in ("word", "near", "test"):
        say(synthetic / f"{name}.wav", "rise")
    say(data / "speech_commands/dev/d.wav", "rise")
    return tmp_path


def mine(folder: Path, model: Path, *options: str) -> list[Moment]:
    """What the command lists."""
    parser = ArgumentParser()
    mining.add_parser(parser.add_subparsers())
    sources = ["--data", str(folder / "data"), "--synthetic", str(folder / "synthetic")]
    args = parser.parse_args(["mine", str(model), str(folder / "mined.tsv"), *sources, *options])
    assert args.run(args) == 0
    return read_moments(folder / "mined.tsv")


def test_moments_are_found_where_they_are_and_only_in_what_is_trained_on(recordings: Path, tiny_model: Path) -> None:
    found = mine(recordings, tiny_model, "--least", "0.5")

    assert {(moment.path.name, moment.keyword) for moment in found} == {("x.wav", "rise"), ("near.wav", "rise")}
    talk = next(moment for moment in found if moment.path.name == "x.wav")
    assert talk.start < 1.0 + 4 * 1.5 < 1.0 + 4 * 1.5 + 0.5 < talk.end + 0.3


def test_the_highest_come_first_and_only_so_many(recordings: Path, tiny_model: Path) -> None:
    many = [m for m in mine(recordings, tiny_model, "--least", "0.001") if m.keyword == "rise"]

    few = [m for m in mine(recordings, tiny_model, "--least", "0.001", "--moments", "2") if m.keyword == "rise"]

    assert few == many[:2]
    assert [m.score for m in many] == sorted((m.score for m in many), reverse=True)


def test_a_recording_that_cannot_be_read_is_named_and_the_rest_is_mined(
    recordings: Path, tiny_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (recordings / "data/background/train/speech/x.wav").write_bytes(b"no sound")

    found = mine(recordings, tiny_model, "--least", "0.5")

    assert {moment.path.name for moment in found} == {"near.wav"}
    assert "x.wav" in next(line for line in capsys.readouterr().out.splitlines() if line.startswith("skipped"))


def test_a_corpus_has_the_sound_of_a_mined_moment(recordings: Path, tiny_model: Path) -> None:
    (moment,) = [m for m in mine(recordings, tiny_model, "--least", "0.5") if m.path.name == "x.wav"]
    corpus = Corpus()

    corpus.add_mined(recordings / "mined.tsv")

    whole, _ = soundfile.read(moment.path, dtype="int16")
    clip = next(clip for clip in corpus.mined if clip.speaker == "x")
    assert (clip.samples[clip.start : clip.end] == whole[round(moment.start * RATE) :][: clip.end - clip.start]).all()
    assert clip.end - clip.start == pytest.approx((moment.end - moment.start) * RATE, abs=2)
    assert np.abs(clip.samples).max() > 1000


def test_moments_read_back_as_they_were_written(tmp_path: Path) -> None:
    moments = [Moment(tmp_path / "a.wav", 1.25, 3.0, "rise", 0.5), Moment(tmp_path / "b.wav", 0.0, 0.5, "fall", 0.125)]

    write_moments(tmp_path / "mined.tsv", moments)

    assert read_moments(tmp_path / "mined.tsv") == moments


def test_a_line_that_is_no_moment_is_named(tmp_path: Path) -> None:
    table(tmp_path / "mined.tsv", ["path", "start_s", "end_s", "keyword", "score"], "a.wav 1 2 rise 0.5", "a.wav x")

    with pytest.raises(ConfigError, match=r"mined\.tsv:3: is no line of kws-train mine"):
        read_moments(tmp_path / "mined.tsv")
