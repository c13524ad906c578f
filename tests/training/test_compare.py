"""``kws-train compare``: two models on the same streams."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="the training extra is not installed")

from kws_app.training.cli import main
from kws_app.training.intervals import change_over_groups


def report(path: Path, missed: dict[str, int], *, words: int = 10, alarms: int = 0) -> Path:
    """What ``kws-train evaluate`` would have written about speakers who missed so many of their ten words."""
    details: dict[str, Any] = {
        "speakers": {"clean": {speaker: [count, words] for speaker, count in missed.items()}},
        "recordings": {"a": [alarms, 0.5], "b": [0, 1.5]},
    }
    path.write_text(json.dumps({"rests_on": {}, "all_words": {}, "keywords": {"rise": {"details": details}}}))
    return path


def compared(*paths: Path) -> int:
    return main(["compare", *map(str, paths)])


def test_a_model_that_misses_less_of_every_speaker_is_better(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = report(tmp_path / "a.json", {"ann": 4, "bob": 5, "cyd": 6})
    after = report(tmp_path / "b.json", {"ann": 1, "bob": 2, "cyd": 3}, alarms=1)

    assert compared(before, after) == 0

    rows = capsys.readouterr().out.splitlines()
    assert "| rise | clean | 50.00 % | 20.00 % | -30.00 % (-30.00 to -30.00) | better |" in rows
    assert any(row.startswith("| all words | false alarms/h | 0.00 | 0.50 | +0.50 (+0.00 to ") for row in rows)


def test_a_gain_with_one_speaker_and_a_loss_with_another_shows_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = report(tmp_path / "a.json", {"ann": 9, "bob": 0, "cyd": 0})
    after = report(tmp_path / "b.json", {"ann": 0, "bob": 3, "cyd": 3})

    compared(before, after)

    (row,) = [row for row in capsys.readouterr().out.splitlines() if row.startswith("| rise | clean |")]
    assert row.endswith("|  |")


def test_evaluations_on_other_streams_are_not_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = report(tmp_path / "a.json", {"ann": 4})
    after = report(tmp_path / "b.json", {"ann": 4}, words=11)

    assert compared(before, after) == 78
    assert "clean: other streams than in" in capsys.readouterr().err


def test_the_interval_of_a_change_is_narrower_than_those_of_its_sides() -> None:
    """Speakers differ by far more than the models do."""
    low, high = change_over_groups([(1, 0, 10), (5, 4, 10), (9, 9, 10), (2, 1, 10)]) or (0, 0)

    assert -0.11 < low < high <= 0
