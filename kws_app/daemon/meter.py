"""How loud it is: what ``status`` and ``meter`` show, measured block by block."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from kws_app.arrays import RATE, Samples

FULL_SCALE = 32_768
LOWEST_DBFS = -100.0
"""Less than the smallest step of 16 bits: digital silence."""

LOWEST = FULL_SCALE * 10 ** (LOWEST_DBFS / 20)

SMOOTHING_SECONDS = 0.3
PEAK_FALL_DB = 20.0
"""How far the peak that is shown falls in a second."""

FLOOR_RISE_DB = 3.0
"""How fast the noise floor follows a room that has become louder, in a second; it falls at once."""


@dataclass(frozen=True, slots=True)
class Level:
    """What is heard now. Levels are relative to full scale; ``scores`` has the smoothed one of every keyword.

    ``clipped`` counts the samples at full scale since the stream began: it grows while the gain is too high.
    """

    level_dbfs: float
    noise_floor_dbfs: float
    peak_dbfs: float
    clipped: int
    scores: Mapping[str, float]


class Meter:
    """Follows the level of one stream. ``push`` costs a few microseconds a block."""

    def __init__(self) -> None:
        self.clipped = 0
        self._power = self._floor = LOWEST**2
        self._peak = LOWEST
        self._is_first = True

    def push(self, samples: Samples) -> None:
        """Take the next samples, int16 ``(n,)``, n > 0."""
        seconds = len(samples) / RATE
        values = samples.astype(np.float32)
        power, peak = float(values @ values) / len(values), float(np.abs(values).max())
        if peak >= FULL_SCALE - 1:
            self.clipped += int(np.count_nonzero(np.abs(values) >= FULL_SCALE - 1))
        weight = 0.0 if self._is_first else math.exp(-seconds / SMOOTHING_SECONDS)
        self._power = max(LOWEST**2, weight * self._power + (1 - weight) * power)
        risen = self._power if self._is_first else self._floor * 10 ** (FLOOR_RISE_DB * seconds / 10)
        self._floor = min(risen, self._power)
        self._peak = max(LOWEST, peak, self._peak * 10 ** (-PEAK_FALL_DB * seconds / 20))
        self._is_first = False

    def level(self, scores: Mapping[str, float]) -> Level:
        """What was measured, beside the pipeline's *scores*."""
        return Level(
            level_dbfs=_dbfs(math.sqrt(self._power)),
            noise_floor_dbfs=_dbfs(math.sqrt(self._floor)),
            peak_dbfs=_dbfs(self._peak),
            clipped=self.clipped,
            scores={keyword: round(score, 4) for keyword, score in scores.items()},
        )


def _dbfs(amplitude: float) -> float:
    return round(20 * math.log10(amplitude / FULL_SCALE), 1)
