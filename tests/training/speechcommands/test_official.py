"""Further clips of the corpus: who may be learnt from, and that nothing comes twice."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import numpy as np
import pytest
import soundfile

torch = pytest.importorskip("torch", reason="the training extra is not installed")

from kws_app.arrays import RATE  # noqa: E402
from kws_app.errors import ConfigError  # noqa: E402
from kws_app.training.cli import main  # noqa: E402
from kws_app.training.speechcommands.official import further_clips, official_set  # noqa: E402
from tests.training.speechcommands.corpus import write_corpus  # noqa: E402

TRAINING, VALIDATION, TESTING = "00b01445", "099d52ad", "0487ba9b"


def write(root: Path, *names: str) -> Path:
    for name in names:
        path = root / f"{name}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, np.full(RATE, 0.1), RATE)
    return root


def row(path: str, word: str, speaker: str) -> dict[str, str]:
    return {"path": path, "word": word, "speaker": speaker}


@pytest.mark.parametrize(
    ("speaker", "expected"),
    # Of the corpus and its lists for validation and testing.
    [("004ae714", "training"), ("026290a7", "validation"), ("0487ba9b", "testing"), ("096456f9", "testing")],
)
def test_a_speaker_is_in_the_set_that_the_corpus_lists_them_in(speaker: str, expected: str) -> None:
    assert official_set(speaker) == expected


def test_nobody_is_learnt_from_whom_the_corpus_or_dev_judges_by(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    names = [f"train/yes/{TRAINING}_nohash_{n}" for n in (0, 1)]
    names += [f"valid/no/{VALIDATION}_nohash_0", f"test/no/{TESTING}_nohash_0", "yes/004ae714_nohash_0", "yes/readme"]
    root = write(tmp_path, *names)
    listed = [row("dev/no/x.ogg", "no", VALIDATION), row(f"train/yes/{TRAINING}_nohash_1.ogg", "yes", TRAINING)]

    with caplog.at_level(logging.INFO):
        chosen = further_clips([root, root], listed)

    assert [(path.relative_to(root).as_posix(), word) for path, word in chosen] == [
        (f"train/yes/{TRAINING}_nohash_0.wav", "yes"),
        ("yes/004ae714_nohash_0.wav", "yes"),
    ]
    assert "2 of speakers that the corpus tests with" in caplog.text
    assert "2 of speakers of dev" in caplog.text
    assert "4 there already" in caplog.text


def test_every_folder_without_clips_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()

    with pytest.raises(ConfigError) as refused:
        further_clips([tmp_path / "empty", tmp_path / "gone"], [])

    assert str(refused.value).count("holds no WORD/SPEAKER_nohash_N.wav") == 2


def test_the_report_learns_from_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clips = write(
        tmp_path / "corpus", f"yes/{TRAINING}_nohash_0", f"tree/{TRAINING}_nohash_0", f"no/{TESTING}_nohash_0"
    )
    data, work = str(write_corpus(tmp_path / "data")), tmp_path / "work"
    short = ["--rows", "gru-25", "--seeds", "0", "--examples", "64", "--updates", "2"]

    assert main(["report", "speech-commands", "--data", data, "--work", str(work), "--clips", str(clips), *short]) == 0

    without = 2 * 12 + 10 * 4 // 5
    assert f"{without + 2} clips to learn from" in capsys.readouterr().out
    assert json.loads((work / "corpus.json").read_text())["speakers"] == 3
