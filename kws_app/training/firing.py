"""When a keyword would have fired in scores already computed, and which words that finds.

A word is found when a detection falls between its start and one second after its end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kws_app.arrays import RATE
from kws_app.training.manifest import Word

HIT_SECONDS = 1.0

Seconds = npt.NDArray[np.float64]


def firing_times(
    times: Seconds,
    smoothed: npt.NDArray[np.float32],
    threshold: float,
    *,
    refractory_seconds: float,
    warmup_seconds: float = 0.0,
) -> Seconds:
    """Times of the detections at *threshold* in one keyword's *smoothed* scores ``(frames,)``: the decision's own."""
    above = times[smoothed >= threshold]
    ends = np.rint(above * RATE).astype(np.int64)  # the decision counts samples
    refractory = round(refractory_seconds * RATE)
    fired, index = [], int(np.searchsorted(ends, round(warmup_seconds * RATE)))
    while index < len(ends):
        fired.append(index)
        index = int(np.searchsorted(ends, ends[index] + refractory))
    return above[fired]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one spoken word. *delay* is from its end to the detection, in seconds; None if it was missed."""

    word: Word
    delay: float | None


def match(times: Seconds, words: Sequence[Word]) -> list[Outcome]:
    """What became of *words*, given the detections."""
    outcomes = []
    for word in words:
        hits = times[(times >= word.start) & (times <= word.end + HIT_SECONDS)]
        outcomes.append(Outcome(word, float(hits[0]) - word.end if len(hits) else None))
    return outcomes
