"""Mel-frequency cepstral coefficients, equal to ``python_speech_features.mfcc``.

python_speech_features 0.6 is the definition: its parameters, its names, its rounding. It is a dependency of training
and tests, where every property is held against it; it is not loaded here, because its import pulls in scipy
(143 MB on disk, half a second on a Pi) and rebuilds its filterbank at every call.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import numpy as np
import numpy.typing as npt

from kws_app.arrays import Coefficients, Frames

WINDOWS: dict[str, Callable[[int], npt.NDArray[np.float64]]] = {
    "rectangular": np.ones,
    "hann": np.hanning,
    "hamming": np.hamming,
}

BATCH = 32
"""Frames in one pass: more gain nothing, and a block of a minute must not need a hundred megabytes at once."""


_KINDS: dict[str, Any] = {
    **dict.fromkeys(("samplerate", "numcep", "nfilt", "nfft", "ceplifter"), int),
    **dict.fromkeys(("winlen", "winstep", "lowfreq", "preemph"), (int, float)),
    "highfreq": (int, float, type(None)),
    "appendEnergy": bool,
    "winfunc": str,
}
_RANGES = (
    ("samplerate", 1000, 192_000),
    ("winlen", 0.001, 1),
    ("winstep", 0.001, 1),
    ("numcep", 1, 256),
    ("nfilt", 1, 256),
    ("nfft", 16, 65_536),
    ("lowfreq", 0, 96_000),
    ("highfreq", 0, 96_000),
    ("preemph", 0, 1),
    ("ceplifter", 0, 1000),
)


@dataclass(frozen=True, slots=True)
class MfccSettings:
    """Every parameter of ``python_speech_features.mfcc`` under its own name, with its own default.

    ``winfunc`` is a name: rectangular, hann or hamming. ``highfreq`` None is half the sample rate. A frame longer
    than ``nfft`` is cut, as there.
    """

    samplerate: int = 16_000
    winlen: float = 0.025
    winstep: float = 0.01
    numcep: int = 13
    nfilt: int = 26
    nfft: int = 512
    lowfreq: float = 0
    highfreq: float | None = None
    preemph: float = 0.97
    ceplifter: int = 22
    appendEnergy: bool = True
    winfunc: str = "rectangular"

    def __post_init__(self) -> None:
        """Refuse what cannot be computed; the message names the parameter."""
        for field in fields(self):
            value = getattr(self, field.name)
            wanted = _KINDS[field.name]
            if not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool):
                raise ValueError(f"{field.name} is {value!r}")
        for name, low, high in _RANGES:
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise ValueError(f"{name} must lie between {low:g} and {high:g}, got {value:g}")
        if self.winfunc not in WINDOWS:
            raise ValueError(f"winfunc must be one of {', '.join(WINDOWS)}, got {self.winfunc!r}")
        top = self.samplerate / 2 if self.highfreq is None else self.highfreq
        if not self.lowfreq < top <= self.samplerate / 2:
            raise ValueError(f"lowfreq {self.lowfreq:g} and highfreq {top:g} must rise and stay below half the rate")

    @property
    def frame_length(self) -> int:
        """Samples of a frame."""
        return _round_half_up(self.winlen * self.samplerate)

    @property
    def frame_step(self) -> int:
        """Samples from frame to frame: the hop."""
        return _round_half_up(self.winstep * self.samplerate)


class Mfcc:
    """Computes the coefficients of frames; its tables and buffers are made once."""

    def __init__(self, settings: MfccSettings) -> None:
        self._appends_energy = settings.appendEnergy
        self._seen = min(settings.frame_length, settings.nfft)
        self._window = WINDOWS[settings.winfunc](settings.frame_length)[: self._seen]
        self._filterbank = filterbank(settings).T / settings.nfft  # (bins, nfilt)
        self._dct = liftered_dct(settings).T  # (nfilt, numcep)
        self._nfft = settings.nfft
        bins = settings.nfft // 2 + 1
        self._windowed = np.zeros((BATCH, settings.nfft))  # zeros behind the frame, if nfft is longer
        self._spectrum = np.empty((BATCH, bins), np.complex128)
        self._power = np.empty((BATCH, bins))
        self._squares = np.empty((BATCH, bins))
        self._mel = np.empty((BATCH, settings.nfilt))

    def compute(self, frames: Frames) -> Coefficients:
        """Return the coefficients of every frame.

        Args:
            frames: float64 ``(frames, frame length)``, pre-emphasised, on the int16 scale (not divided by 32768).

        Returns:
            float32 ``(frames, numcep)``. With ``appendEnergy`` coefficient 0 is the log of the frame's energy;
            the others are liftered with ``1 + L/2 sin(pi n/L)``. Digital silence is finite: zero energy counts as
            the smallest float64 step, as in python_speech_features.
        """
        coefficients = np.empty((len(frames), self._dct.shape[1]), np.float32)
        for first in range(0, len(frames), BATCH):
            self._compute(frames[first : first + BATCH], coefficients[first : first + BATCH])
        return coefficients

    def _compute(self, frames: Frames, out: Coefficients) -> None:
        count = len(frames)
        windowed, spectrum = self._windowed[:count], self._spectrum[:count]
        power, squares, mel = self._power[:count], self._squares[:count], self._mel[:count]
        np.multiply(frames[:, : self._seen], self._window, out=windowed[:, : self._seen])
        # numpy's float32 FFT of many rows is several times slower than this one
        np.fft.rfft(windowed, out=spectrum)
        np.square(spectrum.real, out=power)
        np.square(spectrum.imag, out=squares)
        power += squares
        np.matmul(power, self._filterbank, out=mel)
        np.matmul(_log(mel), self._dct, out=out, casting="same_kind")
        if self._appends_energy:
            out[:, 0] = _log(power.sum(axis=1) / self._nfft)


def filterbank(settings: MfccSettings) -> npt.NDArray[np.float64]:
    """Triangles ``(nfilt, nfft/2 + 1)``, equally spaced in mel, linear in bins, not normalised."""
    size, rate = settings.nfft, settings.samplerate
    high = settings.highfreq or rate / 2
    low_mel, high_mel = (2595 * math.log10(1 + hertz / 700) for hertz in (settings.lowfreq, high))
    mels = np.linspace(low_mel, high_mel, settings.nfilt + 2)
    edges = np.floor((size + 1) * 700 * (10 ** (mels / 2595) - 1) / rate)
    bank = np.zeros((settings.nfilt, size // 2 + 1))
    for row, (left, centre, right) in enumerate(zip(edges, edges[1:], edges[2:], strict=False)):
        rising, falling = np.arange(int(left), int(centre)), np.arange(int(centre), int(right))
        bank[row, rising] = (rising - left) / (centre - left)
        bank[row, falling] = (right - falling) / (right - centre)
    return bank


def liftered_dct(settings: MfccSettings) -> npt.NDArray[np.float64]:
    """Orthonormal DCT-II with the lifter in its rows, ``(numcep, nfilt)``."""
    bands, k = settings.nfilt, np.arange(min(settings.numcep, settings.nfilt))
    dct = math.sqrt(2 / bands) * np.cos(np.pi * np.outer(k, 2 * np.arange(bands) + 1) / (2 * bands))
    dct[0] /= math.sqrt(2)
    lifter = settings.ceplifter
    if lifter > 0:
        dct *= (1 + lifter / 2 * np.sin(np.pi * k / lifter))[:, None]
    return dct


def _log(energy: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The logarithm, in place; zero counts as the smallest float64 step."""
    energy[energy == 0] = np.finfo(np.float64).eps
    return np.log(energy, out=energy)


def _round_half_up(samples: float) -> int:
    return int(Decimal(samples).quantize(Decimal("1"), rounding=ROUND_HALF_UP))
