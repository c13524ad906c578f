"""Mel-frequency cepstral coefficients, equal to ``python_speech_features.mfcc``.

python_speech_features 0.6 is the definition: its parameters, its names, its rounding. It is a dependency of training
and tests, where every property is held against it; it is not loaded here, because its import pulls in scipy
(143 MB on disk, half a second on a Pi) and rebuilds its filterbank at every call.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kws_app.arrays import Coefficients, Frames
from kws_app.schema import setting

WINDOWS: dict[str, Callable[[int], npt.NDArray[np.float64]]] = {
    "rectangular": np.ones,
    "hann": np.hanning,
    "hamming": np.hamming,
}

BATCH = 32
"""Frames in one pass: more gain nothing, and a block of a minute must not need a hundred megabytes at once."""


@dataclass(frozen=True, slots=True)
class MfccSettings:
    """Every parameter of ``python_speech_features.mfcc`` under its own name, with its own default.

    A frame longer than ``nfft`` is cut, as there; ``numcep`` beyond ``nfilt`` gives ``nfilt`` coefficients, as there.
    """

    samplerate: int = setting(16_000, between=(1000, 96_000), help="of the samples, Hz")
    winlen: float = setting(0.025, between=(0.001, 1), help="length of a frame, seconds")
    winstep: float = setting(0.01, between=(0.001, 1), help="from frame to frame, seconds")
    numcep: int = setting(13, between=(1, 512), help="coefficients of a frame")
    nfilt: int = setting(26, between=(1, 512), help="mel filters")
    nfft: int = setting(512, between=(2, 16_384), help="points of the Fourier transform")
    lowfreq: float = setting(0, between=(0, 48_000), help="lower edge of the lowest filter, Hz")
    highfreq: float | None = setting(None, between=(1, 48_000), help="upper edge of the highest; half the rate if null")
    preemph: float = setting(0.97, between=(0, 1), help="share of the sample before that is subtracted")
    ceplifter: int = setting(22, between=(0, 1000), help="lifter; 0 is none")
    appendEnergy: bool = setting(True, help="coefficient 0 is the log of the frame's energy")
    winfunc: str = setting("rectangular", one_of=tuple(WINDOWS), help="window laid on every frame")

    def __post_init__(self) -> None:
        if not self.lowfreq < self.top <= self.samplerate / 2:
            raise ValueError(
                f"lowfreq {self.lowfreq:g} and highfreq {self.top:g} must rise within {self.samplerate / 2:g} Hz"
            )

    @property
    def top(self) -> float:
        """``highfreq``, or what stands for it, in Hz."""
        return self.highfreq or self.samplerate / 2

    @property
    def frame_length(self) -> int:
        """Samples of a frame."""
        return _round_half_up(self.winlen * self.samplerate)

    @property
    def frame_step(self) -> int:
        """Samples from frame to frame: the hop."""
        return _round_half_up(self.winstep * self.samplerate)

    @property
    def coefficients(self) -> int:
        """How many a frame has."""
        return min(self.numcep, self.nfilt)


class Mfcc:
    """Computes the coefficients of frames; its tables and buffers are made once."""

    def __init__(self, settings: MfccSettings) -> None:
        self._appends_energy = settings.appendEnergy
        self._seen = min(settings.frame_length, settings.nfft)
        self._window = WINDOWS[settings.winfunc](settings.frame_length)[: self._seen]
        self._filterbank = filterbank(settings).T / settings.nfft  # (bins, nfilt)
        self._dct = (dct(settings) * lifter(settings)[:, None]).T  # (nfilt, numcep)
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
    low_mel, high_mel = (2595 * math.log10(1 + hertz / 700) for hertz in (settings.lowfreq, settings.top))
    mels = np.linspace(low_mel, high_mel, settings.nfilt + 2)
    edges = np.floor((size + 1) * 700 * (10 ** (mels / 2595) - 1) / rate)
    bank = np.zeros((settings.nfilt, size // 2 + 1))
    for row, (left, centre, right) in enumerate(zip(edges, edges[1:], edges[2:], strict=False)):
        rising, falling = np.arange(int(left), int(centre)), np.arange(int(centre), int(right))
        bank[row, rising] = (rising - left) / (centre - left)
        bank[row, falling] = (right - falling) / (right - centre)
    return bank


def dct(settings: MfccSettings) -> npt.NDArray[np.float64]:
    """Orthonormal DCT-II, ``(numcep, nfilt)``."""
    bands, k = settings.nfilt, np.arange(settings.coefficients)
    rows = math.sqrt(2 / bands) * np.cos(np.pi * np.outer(k, 2 * np.arange(bands) + 1) / (2 * bands))
    rows[0] /= math.sqrt(2)
    return rows


def lifter(settings: MfccSettings) -> npt.NDArray[np.float64]:
    """What each coefficient is multiplied by, ``(numcep,)``."""
    k, size = np.arange(settings.coefficients), settings.ceplifter
    return 1 + size / 2 * np.sin(np.pi * k / size) if size > 0 else np.ones(len(k))


def _log(energy: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The logarithm, in place; zero counts as the smallest float64 step."""
    energy[energy == 0] = np.finfo(np.float64).eps
    return np.log(energy, out=energy)


def _round_half_up(samples: float) -> int:
    return math.floor(samples + 0.5)
