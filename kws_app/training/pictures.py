"""The two pictures of a keyword: its DET curves, and where its scores lie."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from kws_app.training.svg import Axis, bars, deviate, lines, logarithm

SCORES = (0.0001, 0.001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999, 0.9999)


def det_curve(trade_off: Mapping[str, Any]) -> str:
    """A line a condition; where it lies on the left edge there was no false alarm."""
    rates = trade_off["false_alarms_per_hour"]
    points = {c: list(zip(rates, misses, strict=True)) for c, misses in trade_off["misses"].items()}
    return lines(points, logarithm("false alarms an hour", (0.1, 100.0)), deviate("words missed"))


def score_histogram(histogram: Mapping[str, Any], thresholds: Mapping[str, float]) -> str:
    """A row a condition, and one for the seconds without the word, where a few of many thousands must still be seen."""
    edges = histogram["log_odds"]
    x = Axis("smoothed score", (edges[0], edges[-1]), {log_odds(score): f"{score:g}" for score in SCORES})
    seconds = [math.log10(1 + count) for count in histogram["negatives"]]
    places = {name: log_odds(threshold) for name, threshold in thresholds.items()}
    return bars({"no word (log)": seconds, **histogram["words"]}, edges, x, verticals=places)


def log_odds(score: float) -> float:
    """Where *score* lies on the axis; a threshold of 0 or 1 lies at its end."""
    inside = min(max(score, 1e-9), 1 - 1e-9)
    return math.log(inside / (1 - inside))
