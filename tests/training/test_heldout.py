"""Folders of recordings to judge with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

pytest.importorskip("torch", reason="the training extra is not installed")

from kws_app.arrays import RATE
from kws_app.errors import ConfigError
from kws_app.training.heldout import HeldOut, loud_span
from tests.conftest import spoken_words


def write(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, spoken_words("rise"), RATE)


def test_what_is_said_in_a_clip_is_found_to_a_few_hundredths() -> None:
    start, end = loud_span(spoken_words("rise").astype(np.float32) / 32768)

    assert (start / RATE, end / RATE) == pytest.approx((1.0, 1.5), abs=0.05)


def test_a_clip_without_known_times_counts_for_no_latency(tmp_path: Path) -> None:
    for name in ("dev/1.wav", "dev/2.wav", "dev/3.wav"):
        write(tmp_path / name)
    lines = ["dev/1.wav\trise\tann\t1.00\t1.50\t-", "dev/2.wav\trise\tann\t1.00\t1.50\tunsure-times"]
    lines += ["dev/3.wav\trise\tann\t\t\t-"]
    head = "path\tword\tspeaker\tspeech_start_s\tspeech_end_s\tflags"
    (tmp_path / "manifest.tsv").write_text("\n".join([head, *lines]) + "\n")

    clips = HeldOut("dev").words(tmp_path)["rise"]

    assert [clip.sure for clip in clips] == [True, False, False]
    assert [clip.start for clip in clips] == pytest.approx([RATE] * 3, abs=0.05 * RATE)


def test_near_misses_that_training_has_heard_are_left_out(tmp_path: Path) -> None:
    rows = [("a/1.wav", "near_miss", "train"), ("a/2.wav", "near_miss", "test"), ("a/3.wav", "word", "test")]
    for path, _, _ in rows:
        write(tmp_path / path)
    text = "path\tkind\tsplit\n" + "".join("\t".join(row) + "\n" for row in rows)
    (tmp_path / "manifest.tsv").write_text(text)

    assert [clip.name for clip in HeldOut("dev").clips(tmp_path)] == ["2.wav"]


def test_clips_that_a_manifest_keeps_for_another_split_are_left_out(tmp_path: Path) -> None:
    paths = ("train/1.wav", "dev/2.wav", "test/3.wav", "4.wav")
    for path in paths:
        write(tmp_path / path)
    (tmp_path / "manifest.tsv").write_text("path\tword\n" + "".join(f"{path}\trise\n" for path in paths))

    assert [clip.name for clip in HeldOut("dev").clips(tmp_path)] == ["2.wav", "4.wav"]


def test_a_split_that_nobody_speaks_in_is_refused(tmp_path: Path) -> None:
    (tmp_path / "manifest.tsv").write_text("path\tword\tspeaker\ntrain/1.wav\trise\tann\n")

    with pytest.raises(ConfigError, match=r"no path in its manifest\.tsv begins with dev/"):
        HeldOut("dev").words(tmp_path)


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such folder"):
        HeldOut("dev").clips(tmp_path / "gone")
