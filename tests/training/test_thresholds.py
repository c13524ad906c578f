"""Thresholds: counted where there is something to count, extended where there is not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="the training extra is not installed")

from kws_app.training.thresholds import TAIL, extended, peaks
from tests.training.streams import evaluated, write_streams


def test_a_threshold_keeps_within_its_rate_and_the_next_looser_one_does_not(tmp_path: Path, tiny_model: Path) -> None:
    evaluation = evaluated(write_streams(tmp_path), tiny_model)

    threshold = evaluation.threshold("rise", 0.5)

    highest = evaluation.smoothed(evaluation.manifest.streams["other"], "rise").max()
    assert evaluation.alarms("rise", threshold) == 0
    assert highest < threshold <= 1.1 * highest + 1e-4


def test_a_margin_only_makes_thresholds_stricter(tmp_path: Path, tiny_model: Path) -> None:
    manifest = write_streams(tmp_path)
    plain, careful = evaluated(manifest, tiny_model), evaluated(manifest, tiny_model, margin=3.0)

    assert all(careful.threshold("fall", rate) >= plain.threshold("fall", rate) for rate in (0.1, 0.5, 60.0))


def test_a_rate_too_small_to_count_is_taken_from_the_tail_of_the_peaks() -> None:
    """Peaks whose odds fall off as a power law: a tenth of the alarms takes ten to the law's power times the odds."""
    rng = np.random.default_rng(5)
    odds = np.sort(0.01 * rng.pareto(2.0, 4000) + 0.01)[::-1]
    scores = (odds / (1 + odds)).astype(np.float32)

    threshold = extended(scores, 0.5)

    expected = 0.01 * (4000 / 0.5) ** 0.5
    assert threshold / (1 - threshold) == pytest.approx(expected, rel=0.5)
    assert extended(scores, 0.05) > threshold > scores[TAIL]


def test_peaks_are_a_refractory_time_apart_and_fall() -> None:
    times, smoothed = np.arange(6) * 0.5, np.array([0.1, 0.9, 0.8, 0.2, 0.3, 0.7], np.float32)

    assert peaks(times, smoothed, 1.0).tolist() == pytest.approx([0.9, 0.7, 0.2])
