"""``kws-train synthesize``: what lies in the folder afterwards, also where it was stopped."""

from __future__ import annotations

import csv
import shutil
import signal
import subprocess
import sys
import time
from argparse import ArgumentParser
from pathlib import Path

import pytest
import soundfile  # type: ignore[import-untyped]

from kws_app.arrays import RATE
from kws_app.errors import ConfigError
from kws_app.training import synthesize
from kws_app.training.phonemes import spelled

needs_espeak = pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed")


def command(out: Path, *options: str) -> list[str]:
    """One voice, five clips."""
    few = ["--near-misses", "1", "--made-near-misses", "0", "--sentences", "1", "--voices", "1"]
    return ["synthesize", str(out), "--engines", "espeak-ng", "--keywords", "computer", "alexa", *few, *options]


def run(*arguments: str) -> int:
    parser = ArgumentParser()
    synthesize.add_parser(parser.add_subparsers())
    args = parser.parse_args(arguments)
    return int(args.run(args))


def manifest(out: Path) -> list[dict[str, str]]:
    with (out / "manifest.tsv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


@needs_espeak
def test_a_run_leaves_16_khz_mono_flac_and_a_manifest_of_it(tmp_path: Path) -> None:
    assert run(*command(tmp_path)) == 0

    rows = manifest(tmp_path)
    assert sorted(row["kind"] for row in rows) == ["near_miss", "near_miss", "sentence", "word", "word"]
    assert {row["path"] for row in rows} == {str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*.flac")}
    for row in rows:
        sound = soundfile.info(tmp_path / row["path"])
        assert (sound.samplerate, sound.channels, sound.subtype) == (RATE, 1, "PCM_16")
        assert float(row["seconds"]) == pytest.approx(sound.duration, abs=1e-3)
        assert 0 <= float(row["speech_start_s"]) < float(row["speech_end_s"]) <= sound.duration


@needs_espeak
def test_a_run_cut_short_is_completed_without_making_anything_twice(tmp_path: Path) -> None:
    run(*command(tmp_path))
    whole = (tmp_path / "manifest.tsv").read_text(encoding="utf-8")
    kept = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.flac")}
    lost = tmp_path / manifest(tmp_path)[-1]["path"]

    (tmp_path / "manifest.tsv").write_text(whole[:-10], encoding="utf-8")
    lost.unlink()
    run(*command(tmp_path))

    assert (tmp_path / "manifest.tsv").read_text(encoding="utf-8") == whole
    changed = {path for path in tmp_path.rglob("*.flac") if path.stat().st_mtime_ns != kept[path]}
    assert changed == {lost}


@needs_espeak
def test_ctrl_c_leaves_a_folder_in_which_every_listed_clip_is_whole(tmp_path: Path) -> None:
    program = (
        "import signal, sys; from tests.training.test_synthesize import run;"
        "signal.signal(signal.SIGINT, signal.default_int_handler); run(*sys.argv[1:])"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, *command(tmp_path), "--voices", "500"], stderr=subprocess.PIPE, text=True
    )
    while len(list(tmp_path.rglob("*.flac"))) < 5 and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)

    assert errors.count("Traceback") == 1  # ours; the workers stay quiet
    assert all(soundfile.info(tmp_path / row["path"]).frames > 0 for row in manifest(tmp_path))


def test_unknown_keywords_are_all_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refusal:
        run("synthesize", str(tmp_path), "--engines", "espeak-ng", "--keywords", "jarvi", "computer", "hal")

    assert [fault.path for fault in refusal.value.faults] == ["hal", "jarvi"]


@needs_espeak
def test_other_words_are_said_alone(tmp_path: Path) -> None:
    words = ["synthesize", str(tmp_path), "--engines", "espeak-ng", "--voices", "1", "--sentences", "0"]

    assert run(*words, "--words", "yes", "no") == 0

    assert sorted((row["kind"], row["keyword"]) for row in manifest(tmp_path)) == [("word", "no"), ("word", "yes")]


def test_words_that_are_not_spelt_with_letters_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"--words: \.\./up: is not spelt with letters alone"):
        run("synthesize", str(tmp_path), "--engines", "espeak-ng", "--words", "yes", "../up")


@needs_espeak
def test_near_misses_are_made_from_phones_when_asked_for(tmp_path: Path) -> None:
    pytest.importorskip("pocketsphinx", reason="the training extra is not installed")
    run(*command(tmp_path))
    before = manifest(tmp_path)

    run(*command(tmp_path, "--made-near-misses", "4"))

    made = manifest(tmp_path)[len(before) :]
    assert [(row["kind"], row["keyword"]) for row in made] == [("near_miss", "computer"), ("near_miss", "alexa")] * 4
    assert any(spelled(row["text"])[0] for row in made)
