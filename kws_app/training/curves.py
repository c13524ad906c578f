"""What pictures are drawn from: misses over false alarms, and how the scores are distributed."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from kws_app.training.evaluation import Evaluation
from kws_app.training.firing import HIT_SECONDS
from kws_app.training.manifest import Stream

MOST_ALARMS_PER_HOUR = 60.0
"""Where a curve begins; nobody keeps a detector that fires once a minute."""
POINTS = 60
EDGES = np.round(np.linspace(-10, 10, 51), 1)
"""Of a histogram, in log-odds: most scores lie so near to 0 or 1 that nothing could be seen between them."""


def log_odds(scores: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Scores on the scale of the histograms, its ends included."""
    certain = 1 / (1 + np.exp(-EDGES[-1]))
    inside = np.clip(scores.astype(float), 1 - certain, certain)
    return np.asarray(np.log(inside / (1 - inside)), np.float64)


def trade_off(evaluation: Evaluation, keyword: str) -> dict[str, Any]:
    """The DET curve: at falling thresholds, false alarms an hour and the share of words missed in every condition."""
    loosest = evaluation.threshold(keyword, MOST_ALARMS_PER_HOUR)
    start = float(log_odds(np.array([loosest], np.float32))[0])
    thresholds = 1 / (1 + np.exp(-np.linspace(EDGES[-1], start, POINTS)))
    tallies = [evaluation.tally(keyword, float(threshold)) for threshold in thresholds]
    return {
        "thresholds": [round(tally.threshold, 5) for tally in tallies],
        "false_alarms_per_hour": [round(tally.alarms / evaluation.manifest.hours, 3) for tally in tallies],
        "misses": {
            condition: [round(tally.missed(condition) / len(tally.outcomes[condition]), 4) for tally in tallies]
            for condition in tallies[0].outcomes
        },
    }


def histogram(evaluation: Evaluation, keyword: str) -> dict[str, Any]:
    """The highest score at every word, and in every second of the negatives: how many fall between two edges."""
    negatives = evaluation.manifest.of_kind("negative")
    return {
        "log_odds": EDGES.tolist(),
        "negatives": _counts(np.concatenate([_each_second(evaluation, stream, keyword) for stream in negatives])),
        "words": {
            stream.condition: _counts(_at_words(evaluation, stream, keyword))
            for stream in evaluation.manifest.positives(keyword)
        },
    }


def _counts(scores: npt.NDArray[np.float32]) -> list[int]:
    counts, _ = np.histogram(log_odds(scores), EDGES)
    return [int(count) for count in counts]


def _at_words(evaluation: Evaluation, stream: Stream, keyword: str) -> npt.NDArray[np.float32]:
    times, smoothed = evaluation.times(stream), evaluation.smoothed(stream, keyword)
    windows = [(times >= word.start) & (times <= word.end + HIT_SECONDS) for word in stream.words]
    return np.array([smoothed[window].max(initial=0) for window in windows], np.float32)


def _each_second(evaluation: Evaluation, stream: Stream, keyword: str) -> npt.NDArray[np.float32]:
    times, smoothed = evaluation.times(stream), evaluation.smoothed(stream, keyword)
    _, starts = np.unique(times.astype(int), return_index=True)
    return np.maximum.reduceat(smoothed, starts)
