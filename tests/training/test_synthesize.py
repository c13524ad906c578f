"""Synthesized speech: what is said by whom, and what lies in the folder afterwards."""

from __future__ import annotations

import csv
import re
import shutil
import signal
import subprocess
import sys
import time
from argparse import ArgumentParser
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile  # type: ignore[import-untyped]

from kws_app.arrays import RATE
from kws_app.errors import ConfigError
from kws_app.training import synthesize
from kws_app.training.clipfolder import trim
from kws_app.training.engines import ESPEAK, FESTIVAL, FLITE
from kws_app.training.kokoro import HELD_OUT, Kokoro
from kws_app.training.phonemes import kokoro_phonemes
from kws_app.training.script import Engine, Sheet, deal, read_phrases, read_sentences

needs_espeak = pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed")
needs_flite = pytest.mark.skipif(shutil.which("flite") is None, reason="flite is not installed")

SHEET = Sheet(("computer", "jarvis"), near_misses=2, sentences=1)


def command(out: Path, *options: str) -> list[str]:
    """One voice, five clips."""
    few = ["--keywords", "computer", "alexa", "--near-misses", "1", "--sentences", "1", "--voices", "1"]
    return ["synthesize", str(out), "--engines", "espeak-ng", *few, *options]


def run(*arguments: str) -> int:
    parser = ArgumentParser()
    synthesize.add_parser(parser.add_subparsers())
    args = parser.parse_args(arguments)
    return int(args.run(args))


def manifest(out: Path) -> list[dict[str, str]]:
    with (out / "manifest.tsv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


@pytest.fixture
def kokoro(tmp_path: Path) -> Kokoro:
    """The held-out and two other voices, whose styles are random numbers; there is no model."""
    (tmp_path / "voices").mkdir()
    rng = np.random.default_rng(1)
    for voice in (*HELD_OUT, "af_heart", "bm_lewis"):
        rng.standard_normal((510, 256), np.float32).tofile(tmp_path / "voices" / f"{voice}.bin")
    return Kokoro(tmp_path)


def test_the_same_seed_deals_the_same_script() -> None:
    first = list(deal([ESPEAK, FLITE], SHEET, voices=3, seed=7))

    assert list(deal([ESPEAK, FLITE], SHEET, voices=3, seed=7)) == first
    assert list(deal([ESPEAK, FLITE], SHEET, voices=3, seed=8)) != first


def test_more_voices_continue_the_deal_of_fewer() -> None:
    few = list(deal([ESPEAK], SHEET, voices=2, seed=1))

    assert list(deal([ESPEAK], SHEET, voices=5, seed=1))[: len(few)] == few


def test_every_voice_says_keywords_near_misses_and_running_text() -> None:
    script = list(deal([FLITE, FESTIVAL], SHEET, voices=20, seed=1))

    voices = {utterance.voice for utterance in script}
    kinds = {(utterance.voice, utterance.kind) for utterance in script}
    assert kinds == {(voice, kind) for voice in voices for kind in ("word", "near_miss", "sentence")}


@pytest.mark.parametrize("engine", [ESPEAK, FLITE, FESTIVAL], ids=lambda engine: engine.name)
def test_no_voice_and_no_near_miss_is_on_both_sides_of_the_split(engine: Engine) -> None:
    script = list(deal([engine], SHEET, voices=60, seed=1))

    voices: dict[str, set[str]] = {"train": set(), "test": set()}
    phrases: dict[str, set[str]] = {"train": set(), "test": set()}
    for utterance in script:
        voices[utterance.split].add(utterance.voice)
        if utterance.kind == "near_miss":
            phrases[utterance.split].add(utterance.text.rstrip(".!?,"))
    assert voices["test"]
    assert not voices["train"] & voices["test"]
    assert not phrases["train"] & phrases["test"]


def test_running_text_and_near_misses_never_say_a_keyword() -> None:
    phrases = read_phrases()
    forms = [re.sub("[ -]", r"\\W*", form) for phrase in phrases.values() for form in phrase.written]
    keyword = re.compile(rf"\b({'|'.join(forms)})\b", re.IGNORECASE)

    texts = [*read_sentences(), *(text for p in phrases.values() for split in p.near_misses.values() for text in split)]

    assert keyword.search("My snow boy.")
    assert [text for text in texts if keyword.search(text)] == []


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


@needs_flite
def test_a_faster_tempo_makes_a_shorter_clip() -> None:
    utterance = next(deal([FLITE], SHEET, voices=1, seed=1))

    slow, _ = FLITE.speak(replace(utterance, tempo=0.8))
    fast, _ = FLITE.speak(replace(utterance, tempo=1.2))

    assert len(fast) < 0.8 * len(slow)


def test_unknown_keywords_are_all_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refusal:
        run("synthesize", str(tmp_path), "--engines", "espeak-ng", "--keywords", "jarvi", "computer", "hal")

    assert [fault.path for fault in refusal.value.faults] == ["hal", "jarvi"]


def test_a_kokoro_folder_without_its_model_is_refused_by_name(kokoro: Kokoro) -> None:
    with pytest.raises(ConfigError, match=r"kokoro\.onnx: is missing"):
        kokoro.require()


def test_held_out_kokoro_voices_are_mixed_with_each_other_only(kokoro: Kokoro) -> None:
    rng = np.random.default_rng(1)

    drawn = [kokoro.draw_voice(rng, held_out=True) for _ in range(50)]

    assert {name for voice in drawn for name in voice.split("+")} <= HELD_OUT


def test_a_swapped_kokoro_voice_has_the_timbre_of_one_and_the_prosody_of_the_other(kokoro: Kokoro) -> None:
    style = kokoro.style("af_heart+bm_lewis", 9)

    np.testing.assert_array_equal(kokoro.style("af_heart", 9)[:128], style[:128])
    np.testing.assert_array_equal(kokoro.style("bm_lewis", 9)[128:], style[128:])


def test_a_kokoro_voice_out_of_the_span_is_the_same_whenever_it_speaks(kokoro: Kokoro) -> None:
    np.testing.assert_array_equal(kokoro.style("span-17", 9), kokoro.style("span-17", 9))
    assert not np.array_equal(kokoro.style("span-17", 9), kokoro.style("span-18", 9))


@needs_espeak
@pytest.mark.parametrize(
    ("text", "accent", "expected"),
    [
        ("computer", "us", "kəmpjˈuTəɹ"),
        ("computer", "gb", "kəmpjˈuːtə"),
        ("smart mirror.", "us", "smˈɑɹt mˈɪɹəɹ."),
        ("no, you go!", "us", "nˈO, ju ɡˈO!"),
    ],
)
def test_text_becomes_kokoros_phonemes_with_its_punctuation(text: str, accent: str, expected: str) -> None:
    assert kokoro_phonemes(text, accent) == expected


def test_a_clip_is_cut_to_its_speech_and_a_margin() -> None:
    audio = np.zeros(3 * 24_000, np.float32)
    audio[24_000:36_000] = 0.1 * np.sin(np.arange(12_000) / 10)

    clip = trim(audio, 24_000, margin_seconds=0.1)

    assert clip.start == pytest.approx(0.1 * RATE, abs=RATE / 50)
    assert clip.end - clip.start == pytest.approx(0.5 * RATE, abs=RATE / 50)
    assert len(clip.samples) == clip.end + RATE // 10


def test_silence_is_refused() -> None:
    with pytest.raises(ValueError, match="silence"):
        trim(np.zeros(24_000, np.float32), 24_000, margin_seconds=0.1)
