"""The two pictures of a keyword: its DET curves, and where its scores lie."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kws_app.training.svg import Axis, chart, deviate, logarithm

SCORES = (0.0001, 0.001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999, 0.9999)
LEAST_SHARE = 1e-5


def det_curve(trade_off: Mapping[str, Any]) -> str:
    """A line a condition."""
    rates = trade_off["false_alarms_per_hour"]
    lines = {c: list(zip(rates, misses, strict=True)) for c, misses in trade_off["misses"].items()}
    return chart(lines, logarithm("false alarms an hour", (0.1, 100.0)), deviate("words missed"))


def score_histogram(histogram: Mapping[str, Any], thresholds: Mapping[str, float]) -> str:
    """Shares on a logarithmic axis, where the few seconds that matter of many thousands can still be seen."""
    edges = histogram["log_odds"]
    counts = {"no word": histogram["negatives"], **histogram["words"]}
    x = Axis("smoothed score", (edges[0], edges[-1]), {log_odds(score): f"{score:g}" for score in SCORES})
    return chart(
        {name: [*_steps(edges, each)] for name, each in counts.items()},
        x,
        logarithm("share", (LEAST_SHARE, 1.0)),
        verticals={name: log_odds(threshold) for name, threshold in thresholds.items()},
    )


def log_odds(score: float) -> float:
    """Where *score* lies on the axis; a threshold of 0 or 1 lies at its end."""
    inside = min(max(score, 1e-9), 1 - 1e-9)
    return math.log(inside / (1 - inside))


def _steps(edges: Sequence[float], counts: Sequence[int]) -> Iterator[tuple[float, float]]:
    total = sum(counts)
    for low, high, count in zip(edges, edges[1:], counts, strict=False):
        yield low, count / total
        yield high, count / total
