"""What the pictures are drawn from."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch", reason="the training extra is not installed")

from kws_app.training.curves import histogram, trade_off
from kws_app.training.evaluation import Evaluation
from tests.training.streams import evaluated, write_streams


@pytest.fixture(scope="module")
def evaluation(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Evaluation:
    return evaluated(write_streams(tmp_path_factory.mktemp("streams")), tiny_model)


def test_the_more_false_alarms_the_fewer_words_are_missed(evaluation: Evaluation) -> None:
    curve = trade_off(evaluation, "rise")

    assert curve["thresholds"] == sorted(curve["thresholds"], reverse=True)
    assert curve["false_alarms_per_hour"] == sorted(curve["false_alarms_per_hour"])
    assert (curve["misses"]["clean"][0], curve["misses"]["clean"][-1]) == (1.0, 0.3333)


def test_every_word_and_every_second_without_one_is_counted_once(evaluation: Evaluation) -> None:
    counts = histogram(evaluation, "rise")

    assert sum(counts["words"]["clean"]) == 3
    assert sum(counts["negatives"]) == 61
    assert len(counts["log_odds"]) == len(counts["negatives"]) + 1
