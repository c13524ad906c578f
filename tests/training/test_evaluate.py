"""``kws-train evaluate``: figures and their intervals, over real streams through the real pipeline."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import soundfile

pytest.importorskip("torch", reason="the training extra is not installed")

from kws_app.arrays import RATE
from kws_app.training.cli import main
from kws_app.training.report import report
from tests.conftest import spoken_words
from tests.training.streams import changed, evaluated, write_streams


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    return write_streams(tmp_path)


def figures(manifest: Path, model: Path) -> Any:
    """Those of "rise", at whatever threshold no alarm in the negatives allows."""
    return report(evaluated(manifest, model))["keywords"]["rise"]["figures"]


def test_words_are_found_and_what_was_not_said_is_missed(manifest: Path, tiny_model: Path) -> None:
    found = figures(manifest, tiny_model)

    assert (found["misses"]["clean"]["missed"], found["misses"]["clean"]["words"]) == (1, 3)
    assert -0.2 < found["misses"]["clean"]["latency_seconds_median"] < 0.5
    assert found["false_alarms"]["tones"]["alarms"] == 0


def test_misses_are_told_by_speaker_and_by_group(tmp_path: Path, tiny_model: Path) -> None:
    manifest = write_streams(tmp_path, speakers={"v": ["tall"], "w": ["tall", "hoarse"]})

    entry = report(evaluated(manifest, tiny_model))["keywords"]["rise"]

    groups = entry["figures"]["groups"]
    assert entry["details"]["speakers"]["clean"] == {"v": [0, 2], "w": [1, 1]}
    assert {group: by["clean"]["misses"] for group, by in groups.items()} == {"tall": 0.3333, "hoarse": 1.0}


def test_alarms_are_named_with_the_recording_they_were_in(tmp_path: Path, tiny_model: Path) -> None:
    """A stream of "rise" that claims to hold none."""
    soundfile.write(tmp_path / "loud.wav", spoken_words(*["rise"] * 3), RATE)
    loud = {"path": "loud.wav", "seconds": 5.5, "kind": "negative", "category": "talk"}
    sources = [{"file": "a", "start": 0.0}, {"file": "b", "start": 2.0}]
    manifest = write_streams(tmp_path, split="test", streams={"loud": loud | {"sources": sources}})

    entry = report(evaluated(manifest, tiny_model))["keywords"]["rise"]

    assert [alarm["file"] for alarm in entry["details"]["alarms"]] == ["a", "b", "b"]
    assert entry["figures"]["false_alarms"]["talk"]["alarms"] == 3


def test_near_misses_are_counted_apart_from_false_alarms(tmp_path: Path, tiny_model: Path) -> None:
    soundfile.write(tmp_path / "near.wav", spoken_words("rise", "hum"), RATE)
    words = [{"clip": "rise_1", "start": 1.0, "end": 1.5}, {"clip": "hum_1", "start": 2.5, "end": 3.0}]
    near = {"path": "near.wav", "seconds": 4.0, "kind": "near-misses", "words": words}

    entry = report(evaluated(write_streams(tmp_path, streams={"near": near}), tiny_model))["keywords"]["rise"]

    assert (entry["figures"]["near_misses"]["accepted"], entry["figures"]["near_misses"]["clips"]) == (1, 2)
    assert entry["details"]["near_misses"] == ["rise_1"]
    assert entry["figures"]["false_alarms_per_hour"] == 0


def test_thresholds_are_not_chosen_on_recordings_that_are_there_to_test(tmp_path: Path, tiny_model: Path) -> None:
    evaluation = evaluated(write_streams(tmp_path, split="test"), tiny_model)

    entry = report(evaluation)["keywords"]["rise"]

    assert entry["thresholds"] == evaluation.shipped("rise")
    assert entry["curve"] == {}


def test_words_together_are_those_that_were_spoken(manifest: Path, tiny_model: Path) -> None:
    together = report(evaluated(manifest, tiny_model))["all_words"]

    assert together["keywords"] == ["rise"]
    assert together["operating_points"]["balanced"]["misses"]["clean"]["words"] == 3


def evaluate(manifest: Path, model: Path, out: Path, *more: str) -> int:
    return main(["evaluate", "--stream", str(manifest), "--model", str(model), "--json", str(out), *more])


def test_the_command_writes_json_and_prints_a_row_a_keyword(
    manifest: Path, tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate(manifest, tiny_model, tmp_path / "out.json") == 0

    found = json.loads((tmp_path / "out.json").read_text())
    assert set(found["keywords"]["rise"]["thresholds"]) == {"quiet", "balanced", "eager"}
    printed = capsys.readouterr().out
    assert "| rise |" in printed
    assert found["rests_on"]["sentence"] in printed


def test_every_recording_that_cannot_be_judged_is_named(
    manifest: Path, tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "rise.wav").write_bytes(b"no sound")
    changed(manifest, "other", seconds=3600)

    assert evaluate(manifest, tiny_model, tmp_path / "out.json") == 78

    first, second = capsys.readouterr().err.splitlines()[-2:]
    assert "streams.rise.clean: " in first
    assert "streams.other: is 61.0 s long, the manifest says 3600.0" in second


def test_figures_that_could_not_be_written_are_not_computed(
    manifest: Path, tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "absent" / "out.json"

    assert evaluate(manifest, tiny_model, out) == 73
    assert capsys.readouterr().err == f"{out}: cannot be written: {out.parent} is no folder\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_figures_that_a_full_disk_does_not_take_are_printed(
    manifest: Path, tiny_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate(manifest, tiny_model, Path("/dev/full")) == 73

    printed = capsys.readouterr()
    assert "| rise |" in printed.out
    assert printed.err.endswith("/dev/full: cannot be written: No space left on device\n")


def test_a_margin_below_one_is_refused(
    manifest: Path, tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        evaluate(manifest, tiny_model, tmp_path / "out.json", "--margin", "0.5")

    assert "must be at least 1, and finite, got 0.5" in capsys.readouterr().err
