"""What the tiny model's words are made of, for the tests as for the script that trains it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kws_app.arrays import RATE


def sweep(low: float, high: float, seconds: float = 0.5, *, phases: Sequence[float] = (1, 2, 3)) -> np.ndarray:
    """A tone with three harmonics that goes from *low* to *high* Hz, float64 ``(n,)`` on the int16 scale.

    *phases* are where the harmonics begin, in radians: another voice.
    """
    time = np.arange(int(seconds * RATE)) / RATE
    angle = 2 * np.pi * np.cumsum(low * (high / low) ** (time / seconds)) / RATE
    tone = sum(np.sin(k * angle + phase) / k for k, phase in zip((1, 2, 3), phases, strict=True))
    return np.asarray(4000 * tone * np.hanning(len(time)) ** 0.3)
