"""The arrays that pass between the stages: their shapes, dtypes and units."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

RATE = 16_000
"""Samples a second, everywhere behind a source."""

Samples: TypeAlias = npt.NDArray[np.int16]
"""16 kHz mono audio, int16 ``(n,)``; what every source delivers and the pipeline takes."""

Frames: TypeAlias = npt.NDArray[np.float64]
"""Pre-emphasised windows, float64 ``(frames, frame length)``, on the int16 scale.

The one place that is wider than float32: rounding a loud tone to float32 here moves the log energy of its quiet bands
by a percent and more, and numpy's FFT is faster in float64.
"""

Coefficients: TypeAlias = npt.NDArray[np.float32]
"""MFCCs, float32 ``(frames, numcep)``."""

Audio: TypeAlias = npt.NDArray[np.float32]
"""Mono audio as training makes and mixes it, float32 ``(n,)``, full scale at 1.0; 16 kHz if no rate is said."""

State: TypeAlias = npt.NDArray[np.float32]
"""Everything a model carries from step to step, float32 ``(batch, state size)``."""

Scores: TypeAlias = npt.NDArray[np.float32]
"""One probability a keyword, float32 ``(batch, keywords)``, each in [0, 1]."""
