"""``kws-train align``: each phone where it is spoken, once, also where the command was stopped."""

from __future__ import annotations

import shutil
from argparse import ArgumentParser
from pathlib import Path

import numpy as np
import pytest
import soundfile  # type: ignore[import-untyped]

pytest.importorskip("pocketsphinx", reason="the training extra is not installed")
pytest.importorskip("scipy", reason="the training extra is not installed")

from kws_app.arrays import RATE, Samples
from kws_app.training import align
from kws_app.training.align import Aligner, spoken_words
from kws_app.training.clipfolder import trim
from kws_app.training.engines import ESPEAK
from kws_app.training.phones import read_alignment
from kws_app.training.script import Utterance

pytestmark = pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed")


def said(text: str) -> Samples:
    utterance = Utterance("sentence", "-", text, {}, "espeak-ng", "en-us", 0.9, 0.0, "train")
    return np.concatenate([hush(0.1), trim(*ESPEAK.speak(utterance), 0.2).samples, hush(0.1)])


def hush(seconds: float) -> Samples:
    return np.random.default_rng(0).integers(-5, 6, int(seconds * RATE)).astype(np.int16)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Recordings of every kind, each with a text but the noise."""
    tables = {
        "wakewords/manifest.tsv": ["path word speaker rec_start_s rec_end_s", "train/w.flac smart-mirror a 0.1 3.0"],
        "speech_commands/manifest.tsv": ["path word speaker", "train/yes.flac yes b", "train/n.flac _noise_ b"],
        "background/train/segments.tsv": [
            "path start_s end_s source_id",
            "speech/x.flac 0.0 1.2 x-1",
            "speech/x.flac 1.2 2.0 x-2",
            "noise/n.flac 0.0 1.0 n",
        ],
    }
    for name, lines in tables.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("".join(line.replace(" ", "\t") + "\n" for line in lines), encoding="utf-8")
    (tmp_path / "texts.tsv").write_text("source_id\ttext\nx-1\tA boat, a boat!\n", encoding="utf-8")
    sounds = {"wakewords/train/w": "smart mirror", "speech_commands/train/yes": "yes"}
    for name, text in {**sounds, "background/train/speech/x": "a boat, a boat. And so on."}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(tmp_path / f"{name}.flac", said(text), RATE)
    return tmp_path


def run(folder: Path) -> str:
    """What the command leaves in its file."""
    parser = ArgumentParser()
    align.add_parser(parser.add_subparsers())
    out = folder / "phones.tsv"
    args = parser.parse_args(
        ["align", str(out), "--data", str(folder), "--transcripts", str(folder / "texts.tsv"), "--jobs", "1"]
    )
    assert args.run(args) == 0
    return out.read_text(encoding="utf-8")


def test_phones_are_found_where_they_are_spoken() -> None:
    """Between the words a second of hush was put."""
    first, second = said("sea"), said("boat")

    found = Aligner().align(np.concatenate([first, hush(1.0), second]), "sea boat")

    assert [phone for phone, _ in found if phone != "SIL"] == ["S", "IY", "B", "OW", "T"]
    starts = np.cumsum([0, *(slots for _, slots in found)])
    start = starts[[phone for phone, _ in found].index("B")] / 100
    assert start == pytest.approx(len(first) / RATE + 1.1, abs=0.1)
    assert starts[-1] == pytest.approx((len(first) + RATE + len(second)) / 160, abs=4)


def test_a_word_that_the_dictionary_lacks_is_pronounced_by_espeak() -> None:
    found = Aligner().align(said("snowboy"), "snowboy")

    assert [phone for phone, _ in found if phone != "SIL"] == ["S", "N", "OW", "B", "OY"]


def test_a_text_that_spells_its_phones_is_those_phones() -> None:
    found = Aligner().align(said("/S N OW1 G OY2/."), "/S N OW1 G OY2/.")

    assert [phone for phone, _ in found if phone != "SIL"] == ["S", "N", "OW", "G", "OY"]


def test_a_text_that_cannot_be_in_so_short_a_sound_is_left_out() -> None:
    assert Aligner().align(said("yes"), "all of us went to the market on the other side of the river") == []
    assert Aligner().align(said("yes"), "...") == []


def test_punctuation_is_not_spoken() -> None:
    assert spoken_words("Don't go -- it's the CAP'N, 'he said.") == [
        "don't",
        "go",
        "it's",
        "the",
        "cap'n",
        "'he",
        "said",
    ]


def test_all_recordings_with_a_text_are_aligned(folder: Path) -> None:
    lines = run(folder).splitlines()

    rows = [line.split("\t") for line in lines[1:]]
    assert [(Path(path).name, start) for path, start, _ in rows] == [
        ("w.flac", "0.100"),
        ("yes.flac", "0.000"),
        ("x.flac", "0.000"),
    ]
    assert [item.split(":")[0] for item in rows[1][2].split() if "SIL" not in item] == ["Y", "EH", "S"]
    assert read_alignment(folder / "phones.tsv").of(Path(rows[1][0]), 0, RATE // 2) is not None


def test_a_run_cut_short_is_completed_without_aligning_anything_twice(folder: Path) -> None:
    whole = run(folder)
    (folder / "phones.tsv").write_text(whole[:-10], encoding="utf-8")
    (folder / "speech_commands/train/yes.flac").unlink()  # aligned before, so that nobody asks for it again

    assert run(folder) == whole


def test_a_recording_that_cannot_be_read_is_skipped_and_counted(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "speech_commands/train/yes.flac").write_bytes(b"not audio")

    assert "yes.flac" not in run(folder)
    assert "1 not aligned" in capsys.readouterr().out
