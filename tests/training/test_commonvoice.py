"""Background folders of Mozilla Common Voice: who and what comes in, and what is said of the rest."""

from __future__ import annotations

import csv
import hashlib
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from kws_app.arrays import RATE
from kws_app.training.cli import main
from kws_app.training.commonvoice import letters
from kws_app.training.data import Corpus
from kws_app.training.heldout import HeldOut
from kws_app.training.transcripts import of_background
from tests.conftest import disk_with_room_for

HEADER = "client_id\tpath\tsentence\tup_votes\tlocale"


def clip(path: Path, *, seconds: float = 2.0, volume: float = 0.1) -> None:
    """Noise as MP3 at 32 kHz, the release's format."""
    audio = volume * np.random.default_rng(0).standard_normal(round(seconds * 32000))
    soundfile.write(path, audio, 32000, format="MP3", subtype="MPEG_LAYER_III")


def name_of(speaker: int) -> str:
    return hashlib.sha512(str(speaker).encode()).hexdigest()


@pytest.fixture
def release(tmp_path: Path) -> Path:
    """Sixty speakers of three clips each, named as releases name them."""
    root = tmp_path / "cv-corpus-9" / "en"
    (root / "clips").mkdir(parents=True)
    clip(tmp_path / "spoken.mp3")
    rows = []
    for speaker in map(name_of, range(60)):
        for _ in range(3):
            name = f"common_voice_en_{len(rows)}.mp3"
            (root / "clips" / name).write_bytes((tmp_path / "spoken.mp3").read_bytes())
            rows.append(f"{speaker}\t{name}\tThe birch canoe slid on the smooth planks.\t2\ten")
    (root / "validated.tsv").write_text("\n".join([HEADER, *rows]) + "\n", encoding="utf-8")
    return root


def make(release: Path, out: Path, *options: str) -> int:
    return main(["common-voice", str(release), str(out), "--recipe", "wakewords-en", *options])


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def test_every_speaker_is_for_training_or_held_out(release: Path, tmp_path: Path) -> None:
    out = tmp_path / "crowd"

    assert make(release, out, "--held-out", "0.3") == 0

    sides = {side: table(out / side / "segments.tsv") for side in ("train", "held-out")}
    speakers = {side: {row["speaker_or_recording"] for row in rows} for side, rows in sides.items()}
    assert not speakers["held-out"] & speakers["train"]
    assert speakers["train"] | speakers["held-out"] == {name_of(n) for n in range(60)}
    assert len(sides["train"]) + len(sides["held-out"]) == 180
    assert table(out / "train" / "manifest.tsv")[0]["source"] == "Common Voice/cv-corpus-9/en"


def test_the_share_is_held_out_wherever_the_hours_end(release: Path, tmp_path: Path) -> None:
    before: set[str] = set()
    for hours in ("0.03", "0.06", "0.2"):
        out = tmp_path / hours
        assert make(release, out, "--held-out", "0.5", "--hours", hours) == 0

        sides = {s: {r["speaker_or_recording"] for r in table(out / s / "segments.tsv")} for s in ("train", "held-out")}
        assert 0.25 < len(sides["held-out"]) / (len(sides["held-out"]) + len(sides["train"])) < 0.75
        assert before < sides["held-out"]
        before = sides["held-out"]


def test_what_it_makes_is_read_by_training_aligning_and_judging(release: Path, tmp_path: Path) -> None:
    out = tmp_path / "crowd"
    assert make(release, out, "--held-out", "0.3") == 0

    corpus = Corpus()
    corpus.add_background(out / "train")

    segments = table(out / "train" / "segments.tsv")
    assert [len(take) / RATE for take in corpus.speech] == pytest.approx([2.0] * len(segments), abs=0.15)
    assert {reading.text for reading in of_background(out / "train", {})} == {
        "The birch canoe slid on the smooth planks."
    }
    heard = sum(len(audio) for _, audio in HeldOut("dev").recordings(out / "held-out" / "speech"))
    assert heard / RATE == pytest.approx(2.3 * (180 - len(segments)), rel=0.05)


def test_keywords_silence_and_what_cannot_be_read_are_left_out_with_a_count(
    release: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    lines = (release / "validated.tsv").read_text(encoding="utf-8").splitlines()
    lines[1] = lines[1].replace("The birch", "His home computers and")
    lines[2] = lines[2].replace("The birch", "A smart-mirror")
    lines[3] = lines[3].replace("The birch", '"A single quote')
    lines[4] = lines[4].replace("The birch canoe slid on the smooth planks.", "...")
    clip(release / "clips" / "common_voice_en_10.mp3", volume=1e-5)
    (release / "clips" / "common_voice_en_11.mp3").write_bytes(b"no recording")
    (release / "clips" / "common_voice_en_12.mp3").unlink()
    soundfile.write(release / "clips" / "common_voice_en_13.mp3", np.empty(0), RATE, format="WAV")
    (release / "validated.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")

    assert make(release, tmp_path / "crowd", "--held-out", "0") == 0

    left_out = "left out: 2 clips with a keyword, 1 without a text, 4 silent or unreadable\n"
    assert capsys.readouterr().out.endswith(left_out)
    for name in ("10", "11", "12", "13"):
        assert f"common_voice_en_{name}.mp3" in caplog.text
    kept = {row["source_id"] for row in table(tmp_path / "crowd" / "train" / "transcripts.tsv")}
    assert len(kept) == 173
    assert "common_voice_en_2.mp3" in kept


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Smart-Mirror!", "smart mirror"),
        ("cafe\u0301", "caf\u00e9"),
        ("STRASSE", "stra\u00dfe"),
        ("\uff21lexa", "alexa"),
    ],
)
def test_a_keyword_is_known_however_it_is_typed(one: str, other: str) -> None:
    assert letters(one) == letters(other)


def test_vowel_signs_are_part_of_a_word() -> None:
    assert letters("\u0926\u0940\u092a\u0915") != letters("\u0926\u092a\u0915")


def test_a_clip_that_two_tables_list_is_taken_once(release: Path, tmp_path: Path) -> None:
    (release / "train.tsv").write_text((release / "validated.tsv").read_text(encoding="utf-8"), encoding="utf-8")

    assert make(release, tmp_path / "crowd", "--table", "validated", "--table", "train", "--held-out", "0") == 0

    assert len(table(tmp_path / "crowd" / "train" / "segments.tsv")) == 180


def test_no_speaker_fills_the_folder_and_the_hours_are_an_end(release: Path, tmp_path: Path) -> None:
    limits = ["--minutes-a-speaker", "0.1", "--hours", "0.01", "--held-out", "0"]

    assert make(release, tmp_path / "crowd", *limits) == 0

    spoken = table(tmp_path / "crowd" / "train" / "segments.tsv")
    seconds = sum(float(row["end_s"]) - float(row["start_s"]) for row in spoken)
    assert seconds == pytest.approx(36, abs=8)
    assert len({row["speaker_or_recording"] for row in spoken}) == len(spoken) / 3


def test_another_language_is_background_of_its_own(release: Path, tmp_path: Path) -> None:
    table = release / "validated.tsv"
    table.write_text(table.read_text(encoding="utf-8").replace("\ten\n", "\tsv-SE\n"), encoding="utf-8")

    assert make(release, tmp_path / "crowd", "--held-out", "0") == 0

    assert (tmp_path / "crowd" / "train" / "speech_other_languages" / "sv-SE-0000.flac").exists()


def cut_off(release: Path) -> None:
    text = (release / "validated.tsv").read_text(encoding="utf-8")
    (release / "validated.tsv").write_text(text[: text.rindex("\tThe")], encoding="utf-8")


def of_another_encoding(release: Path) -> None:
    with (release / "validated.tsv").open("ab") as file:
        file.write(b"a\tb.mp3\t\xff\xfe\t1\ten\n")


def without_sound(release: Path) -> None:
    for path in (release / "clips").iterdir():
        path.write_bytes(b"")


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        (Path.exists, ["--table", "valid"], "valid.tsv: no such table; did you mean 'validated'?"),
        (lambda root: (root / "validated.tsv").write_text("path\tsentence\n"), [], "has no column client_id, locale"),
        (cut_off, [], "validated.tsv:181: is damaged or cut off; unpack the release again"),
        (of_another_encoding, [], "is damaged or cut off; unpack the release again"),
        (without_sound, [], "gave no speech; 180 clips were of no use"),
        (lambda root: (root / "clips").rename(root / "sounds"), [], "is no folder with clips and tables in it"),
    ],
    ids=["table", "columns", "cut-off", "encoding", "silence", "clips"],
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

    assert make(release, tmp_path / "crowd", *options) == 78

    assert message in capsys.readouterr().err
    assert not (tmp_path / "crowd").exists()


def test_a_release_named_one_level_too_high_is_told_its_language(
    release: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert make(release.parent, tmp_path / "crowd") == 78

    assert f"name a language's folder, as {release}" in capsys.readouterr().err


def test_a_folder_that_is_there_is_left_alone(
    release: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "crowd").mkdir()
    (tmp_path / "crowd" / "note").write_text("mine")

    assert make(release, tmp_path / "crowd") == 78

    assert "crowd: is there already; name a folder that is not" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "crowd").iterdir()] == ["note"]


def test_a_full_disk_is_one_sentence_and_leaves_no_folder(
    release: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with disk_with_room_for(10_000):
        assert make(release, tmp_path / "crowd") == 73

    assert re.search(r"\.flac: cannot be written: [\w ]+\n$", capsys.readouterr().err)
    assert not (tmp_path / "crowd").exists()
    assert make(release, tmp_path / "crowd") == 0
