"""Evaluation: hits, misses, alarms and their intervals, over real streams through the real pipeline."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from tests.conftest import spoken_words

pytest.importorskip("torch", reason="the training extra is not installed")

from kws_app.arrays import RATE
from kws_app.errors import ConfigError
from kws_app.model.stepper import load_model
from kws_app.training.cli import main
from kws_app.training.evaluate import Evaluation, firing_times, read_manifest


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    """Two "rise" in a stream, one claimed where nothing was said, and a minute of other sounds."""
    positive, negative = spoken_words("rise", "rise", seed=3), spoken_words(*["hum", "fall"] * 20, seed=4)
    for name, samples in {"rise": positive, "negative": negative}.items():
        soundfile.write(tmp_path / f"{name}.wav", samples, RATE)
    words = [
        {"clip": "v_1", "start": 1.0, "end": 1.5, "sure": True},
        {"clip": "v_2", "start": 2.5, "end": 3.0, "sure": True},
        {"clip": "v_3", "start": 0.0, "end": 0.0, "sure": False},
    ]
    streams = {
        "rise.clean": {
            "path": "rise.wav",
            "seconds": len(positive) / RATE,
            "kind": "positive",
            "keyword": "rise",
            "condition": "clean",
            "words": words,
        },
        "other": {
            "path": "negative.wav",
            "seconds": len(negative) / RATE,
            "kind": "negative",
            "category": "tones",
        },
    }
    path = tmp_path / "truth.json"
    path.write_text(json.dumps({"streams": streams}), encoding="utf-8")
    return path


def test_words_are_found_and_what_was_not_said_is_missed(manifest: Path, tiny_model: Path) -> None:
    figures = Evaluation(load_model(tiny_model), manifest).figures("rise", 0.5)

    assert figures["misses"]["clean"]["missed"] == 1
    assert figures["misses"]["clean"]["words"] == 3
    assert -0.2 < figures["misses"]["clean"]["latency_seconds_median"] < 0.5
    assert figures["false_alarms"]["tones"]["alarms"] == 0


def test_a_threshold_keeps_within_its_rate_and_the_next_looser_one_does_not(manifest: Path, tiny_model: Path) -> None:
    evaluation = Evaluation(load_model(tiny_model), manifest)

    threshold = evaluation.threshold(evaluation.keywords.index("rise"), 0.5)

    column = evaluation.keywords.index("rise")
    assert evaluation.alarms(column, threshold) == 0
    highest = evaluation._traces["other"].smoothed[:, column].max()
    assert highest < threshold <= 1.1 * highest + 1e-4


def test_firings_less_than_a_second_apart_are_one() -> None:
    times, smoothed = np.array([0.0, 0.5, 0.9, 0.99, 1.2]), np.array([0.9, 0.9, 0.1, 0.9, 0.9], np.float32)

    assert firing_times(times, smoothed, 0.5, refractory_seconds=1.0).tolist() == [0.0, 1.2]


def test_the_command_writes_json_and_prints_a_row_a_keyword(
    manifest: Path, tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [
        "evaluate",
        "--stream",
        str(manifest),
        "--model",
        str(tiny_model),
        "--json",
        str(tmp_path / "out.json"),
    ]

    assert main(arguments) == 0

    report = json.loads((tmp_path / "out.json").read_text())
    assert set(report["keywords"]["rise"]["thresholds"]) == {"quiet", "balanced", "eager"}
    assert "| rise |" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "positve"}, "kind must be one of positive, negative, other-words, got 'positve'"),
        ({"path": "gone.wav"}, "no such file"),
    ],
)
def test_a_manifest_with_a_wrong_stream_is_refused(manifest: Path, change: dict[str, Any], message: str) -> None:
    content = json.loads(manifest.read_text())
    content["streams"]["other"] |= change
    manifest.write_text(json.dumps(content))

    with pytest.raises(ConfigError, match=message):
        read_manifest(manifest)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "no stream manifest"),
        ("[]", "no stream manifest"),
        ('{"streams": []}', "no stream manifest"),
        ('{"streams": {"a": 3}}', "no stream manifest"),
        ('{"streams": {}}', "streams: there is no negative one"),
        ('{"streams": {"a": {"kind": "negative", "path": "x"}}}', r"streams\.a\.seconds: is missing or empty"),
        ('{"streams": {"a": {"kind": "positive", "path": "x"}}}', r"streams\.a\.words: is missing or empty"),
    ],
)
def test_what_is_no_manifest_is_refused_with_what_is_missing(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "truth.json").write_text(content, encoding="utf-8")

    with pytest.raises(ConfigError, match=message):
        read_manifest(tmp_path / "truth.json")


def test_figures_that_could_not_be_written_are_not_computed(
    manifest: Path, tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "absent" / "out.json"

    assert main(["evaluate", "--stream", str(manifest), "--model", str(tiny_model), "--json", str(out)]) == 73
    assert capsys.readouterr().err == f"{out}: cannot be written: {out.parent} is no folder\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_figures_that_a_full_disk_does_not_take_are_printed(
    manifest: Path, tiny_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", "--stream", str(manifest), "--model", str(tiny_model), "--json", "/dev/full"]) == 73

    printed = capsys.readouterr()
    assert "| rise |" in printed.out
    assert printed.err.endswith("kws-train: No space left on device\n")
