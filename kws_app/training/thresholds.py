"""The threshold for a rate of false alarms, chosen on hours of audio without the word.

Chosen by count, the threshold keeps within the rate on the very hours it was chosen on, and on other recordings it
gave two to three times as many alarms. A *margin* asks for so many times fewer; where that is less than one alarm in
the hours at hand, nothing can be counted, and the tail of the highest scores is extended instead.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from kws_app.training.firing import Seconds

Scores = npt.NDArray[np.float32]

TAIL = 20
"""Peaks that the tail is fitted to."""
CERTAIN = 1e-6
"""Scores nearer to 0 or 1 are taken for this near: their log-odds are rounding."""


def counted(scores: Scores, alarms: Callable[[float], int], budget: float) -> float:
    """The loosest threshold with at most *budget* alarms, rounded up to four places.

    Args:
        scores: every smoothed score of the negatives.
        alarms: how many there are at a threshold.
        budget: how many are allowed.
    """
    levels = np.unique(scores)
    low, high = 0, len(levels)  # index of the first level that keeps within the budget
    while low < high:
        middle = (low + high) // 2
        # A threshold just above this level, so that the level itself no longer fires.
        if alarms(float(np.nextafter(levels[middle], np.float32(2)))) <= math.floor(budget):
            high = middle
        else:
            low = middle + 1
    # Over the highest score there is none to stay below; a tenth more than that score is margin enough.
    above = levels[low + 1] if low + 1 < len(levels) else 1.2 * levels[low]
    return min(1.0, math.ceil((levels[low] + above) / 2 * 1e4) / 1e4)


def extended(peaks: Scores, budget: float) -> float:
    """The threshold above which *budget* alarms are expected, from the tail of the highest *peaks*, rounded up.

    The odds of the peaks fall off as a power law, whose exponent is taken from the highest ones (Hill 1975).

    Args:
        peaks: the highest scores of the negatives, one for each alarm that there could be, highest first.
        budget: how many alarms are allowed; may be less than one.
    """
    tail = np.clip(peaks[: TAIL + 1].astype(float), CERTAIN, 1 - CERTAIN)
    odds = np.log(tail / (1 - tail))
    fall = float(np.mean(odds[:-1] - odds[-1]))
    highest = float(odds[-1]) + fall * math.log((len(odds) - 1) / budget)
    return min(1.0, math.ceil(1e4 / (1 + math.exp(-highest))) / 1e4)


def peaks(times: Seconds, smoothed: Scores, refractory_seconds: float) -> Scores:
    """The highest scores of one stream that lie at least a refractory time apart, highest first."""
    taken: list[int] = []
    for frame in np.argsort(-smoothed, kind="stable").tolist():
        if all(abs(times[frame] - times[other]) >= refractory_seconds for other in taken):
            taken.append(frame)
        if len(taken) > TAIL:
            break
    return smoothed[taken]
