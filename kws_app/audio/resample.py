"""Any rate, sample format and channel count to 16 kHz mono int16, as a stream."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import soxr  # type: ignore[import-untyped]  # ships no stubs (1.1.0)

from kws_app.arrays import RATE, Samples

DeviceFrames: TypeAlias = npt.NDArray[np.int16] | npt.NDArray[np.int32] | npt.NDArray[np.float32]
"""Audio as it comes, ``(n, channels)``: full scale is that of the integer type, or 1.0. 24 bits come as int32."""

Counts: TypeAlias = npt.NDArray[np.float32]
"""Mono audio on the int16 scale, float32 ``(n,)``, not yet rounded."""

COUNTS_OF_ONE = {"int16": 1, "int32": 1 / 65536, "float32": 32768}
"""What a value of 1 in each sample format is on the int16 scale."""

LOWEST, HIGHEST = -32768, 32767


class Resampler:
    """Converts one stream; 16 kHz mono int16 passes through untouched, bit for bit.

    The filter (soxr, HQ) keeps back 10 to 60 ms until more audio or ``flush`` comes. Neither that nor the way the
    stream is cut moves a sample: output ``i`` is always the sound at ``i / 16000`` s.
    """

    def __init__(self, rate: int, channels: int) -> None:
        self._channels = channels
        self._stream = None if rate == RATE else soxr.ResampleStream(rate, RATE, 1, dtype="float32", quality="HQ")
        self.repaired = 0
        """Values that were no numbers (NaN, infinity) and were taken as silence."""

    def push(self, frames: DeviceFrames) -> Samples:
        """Return what *frames*, ``(n, channels)`` for any n, complete."""
        if self._stream is None and self._channels == 1 and frames.dtype == np.int16:
            return frames[:, 0].astype(np.int16, copy=False)
        mono = self._mono(frames)
        return _rounded(mono if self._stream is None else self._stream.resample_chunk(mono))

    def flush(self) -> Samples:
        """End the stream: return what was kept back. The next ``push`` begins a new one."""
        if self._stream is None:
            return np.empty(0, np.int16)
        tail = self._stream.resample_chunk(np.empty(0, np.float32), last=True)
        self._stream.clear()
        return _rounded(tail)

    def _mono(self, frames: DeviceFrames) -> Counts:
        """The mean of the channels."""
        values = frames.astype(np.float32, copy=False)
        if frames.dtype == np.float32:
            values = self._within_full_scale(values)
        share = np.float32(COUNTS_OF_ONE[frames.dtype.name] / self._channels)
        if self._channels == 1:
            return values[:, 0] * share
        # A product, because numpy's mean over so short an axis costs forty times as much.
        return values @ np.full(self._channels, share)

    def _within_full_scale(self, values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """What an integer format would have made of them: the filter would spread one wild value over its length."""
        finite = np.isfinite(values)
        wrong = int(np.count_nonzero(~finite))
        if wrong:
            self.repaired += wrong
            values = np.where(finite, values, np.float32(0))
        return values.clip(-1, 1)


def _rounded(counts: Counts) -> Samples:
    return np.rint(counts).clip(LOWEST, HIGHEST).astype(np.int16)
