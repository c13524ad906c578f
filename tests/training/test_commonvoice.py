"""Background folders of Mozilla Common Voice: who and what comes in, and what is said of the rest."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from kws_app.arrays import RATE
from kws_app.training.cli import main
from kws_app.training.commonvoice import place
from kws_app.training.data import Corpus
from kws_app.training.heldout import HeldOut
from kws_app.training.transcripts import of_background

HEADER = "client_id\tpath\tsentence\tup_votes\tlocale"


def clip(path: Path, *, seconds: float = 2.0, volume: float = 0.1) -> None:
    """Noise as MP3 at 32 kHz, the release's format."""
    audio = volume * np.random.default_rng(0).standard_normal(round(seconds * 32000))
    soundfile.write(path, audio, 32000, format="MP3", subtype="MPEG_LAYER_III")


@pytest.fixture
def release(tmp_path: Path) -> Path:
    """Thirty speakers of three clips each."""
    root = tmp_path / "cv-corpus-9" / "en"
    (root / "clips").mkdir(parents=True)
    clip(tmp_path / "spoken.mp3")
    rows = []
    for speaker in range(30):
        for number in range(3):
            name = f"common_voice_en_{speaker}{number}.mp3"
            (root / "clips" / name).write_bytes((tmp_path / "spoken.mp3").read_bytes())
            rows.append(f"speaker{speaker}\t{name}\tThe birch canoe slid on the smooth planks.\t2\ten")
    (root / "validated.tsv").write_text("\n".join([HEADER, *rows]) + "\n", encoding="utf-8")
    return root


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def test_every_speaker_is_for_training_or_held_out(release: Path, tmp_path: Path) -> None:
    out = tmp_path / "crowd"

    assert main(["common-voice", str(release), str(out), "--held-out", "0.3"]) == 0

    sides = {side: table(out / side / "segments.tsv") for side in ("train", "held-out")}
    speakers = {side: {row["speaker_or_recording"] for row in rows} for side, rows in sides.items()}
    assert speakers["held-out"] == {f"speaker{n}" for n in range(30) if place(f"speaker{n}", "side") < 0.3}
    assert speakers["train"] | speakers["held-out"] == {f"speaker{n}" for n in range(30)}
    assert len(sides["train"]) + len(sides["held-out"]) == 90
    assert table(out / "train" / "manifest.tsv")[0]["source"] == "Common Voice/cv-corpus-9/en"


def test_what_it_makes_is_read_by_training_aligning_and_judging(release: Path, tmp_path: Path) -> None:
    out = tmp_path / "crowd"
    assert main(["common-voice", str(release), str(out), "--held-out", "0.3"]) == 0

    corpus = Corpus()
    corpus.add_background(out / "train")

    segments = table(out / "train" / "segments.tsv")
    assert [len(take) / RATE for take in corpus.speech] == pytest.approx([2.0] * len(segments), abs=0.15)
    assert {reading.text for reading in of_background(out / "train", {})} == {
        "The birch canoe slid on the smooth planks."
    }
    heard = sum(len(audio) for _, audio in HeldOut("dev").recordings(out / "held-out" / "speech"))
    assert heard / RATE == pytest.approx(2.3 * (90 - len(segments)), rel=0.05)


def test_keywords_silence_and_what_cannot_be_read_are_left_out_with_a_count(
    release: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    lines = (release / "validated.tsv").read_text(encoding="utf-8").splitlines()
    lines[1] = lines[1].replace("The birch", "His home computers and")
    lines[2] = lines[2].replace("The birch", "A smart-mirror")
    lines[3] = lines[3].replace("The birch", '"A single quote')
    clip(release / "clips" / "common_voice_en_10.mp3", volume=1e-5)
    (release / "clips" / "common_voice_en_11.mp3").write_bytes(b"no recording")
    (release / "clips" / "common_voice_en_12.mp3").unlink()
    (release / "validated.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")

    assert main(["common-voice", str(release), str(tmp_path / "crowd"), "--held-out", "0"]) == 0

    assert capsys.readouterr().out.endswith("left out: 2 clips with a keyword, 3 silent or unreadable\n")
    for name in ("10", "11", "12"):
        assert f"common_voice_en_{name}.mp3" in caplog.text
    kept = {row["source_id"] for row in table(tmp_path / "crowd" / "train" / "transcripts.tsv")}
    assert len(kept) == 85
    assert "common_voice_en_02" in kept


def test_no_speaker_fills_the_folder_and_the_hours_are_an_end(release: Path, tmp_path: Path) -> None:
    limits = ["--minutes-a-speaker", "0.1", "--hours", "0.01", "--held-out", "0"]

    assert main(["common-voice", str(release), str(tmp_path / "crowd"), *limits]) == 0

    spoken = table(tmp_path / "crowd" / "train" / "segments.tsv")
    seconds = sum(float(row["end_s"]) - float(row["start_s"]) for row in spoken)
    assert seconds == pytest.approx(36, abs=8)
    assert len({row["speaker_or_recording"] for row in spoken}) == len(spoken) / 3


def test_another_language_is_background_of_its_own(release: Path, tmp_path: Path) -> None:
    table = release / "validated.tsv"
    table.write_text(table.read_text(encoding="utf-8").replace("\ten\n", "\tsv-SE\n"), encoding="utf-8")

    assert main(["common-voice", str(release), str(tmp_path / "crowd"), "--held-out", "0"]) == 0

    assert (tmp_path / "crowd" / "train" / "speech_other_languages" / "common-voice-sv-SE-0000.flac").exists()


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        (Path.exists, ["--tables", "valid"], "valid.tsv: no such table; did you mean 'validated'?"),
        (lambda root: (root / "validated.tsv").write_text("path\tsentence\n"), [], "has no column client_id, locale"),
    ],
    ids=["table", "columns"],
)
def test_what_is_no_release_is_refused(
    release: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    change: Callable[[Path], object],
    options: list[str],
    message: str,
) -> None:
    change(release)

    assert main(["common-voice", str(release), str(tmp_path / "crowd"), *options]) == 78

    assert message in capsys.readouterr().err
    assert not (tmp_path / "crowd").exists()


def test_a_folder_that_holds_something_is_left_alone(
    release: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "crowd").mkdir()
    (tmp_path / "crowd" / "note").write_text("mine")

    assert main(["common-voice", str(release), str(tmp_path / "crowd")]) == 78

    assert "crowd: is not empty; name a folder that is not there yet" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "crowd").iterdir()] == ["note"]
