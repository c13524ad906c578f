"""From samples to windows: pre-emphasis and overlap, whatever the sizes of the blocks that come in."""

from __future__ import annotations

import numpy as np

from kws_app.arrays import Frames, Samples
from kws_app.features.mfcc import MfccSettings


class Framing:
    """Cuts a stream into pre-emphasised frames, all that a block completes in one pass.

    Frame ``i`` covers samples ``i * step`` to ``i * step + length``, as in python_speech_features: frame 0 needs
    ``length`` samples and each later one ``step`` more, so frames do not end where hops do. A stream has no end:
    the last, partial frame that python_speech_features pads with zeros is never given.
    """

    def __init__(self, settings: MfccSettings) -> None:
        self.length, self.step = settings.frame_length, settings.frame_step
        self._preemph = np.float32(settings.preemph)
        self.reset()

    def reset(self) -> None:
        """Begin a new stream: the next sample is its first."""
        self._last: np.float32 | None = None
        self._kept = np.empty(0, np.float32)
        self._ahead = 0  # samples still to pass over before the next frame: only if step > length

    def push(self, samples: Samples) -> Frames:
        """Return the frames that *samples* complete.

        Args:
            samples: int16 ``(n,)``, any n.

        Returns:
            float32 ``(frames, length)`` on the int16 scale: a view, to be read before the next call.
        """
        signal = np.concatenate([self._kept, self._emphasised(samples)])
        count = max(0, (len(signal) - self._ahead - self.length) // self.step + 1)
        used = self._ahead + count * self.step
        frames = _windows(signal[self._ahead :], self.length, self.step)[:count]
        self._kept, self._ahead = signal[used:].copy(), max(0, used - len(signal))
        return frames

    def _emphasised(self, samples: Samples) -> Frames:
        emphasised = samples.astype(np.float32)
        if not len(samples):
            return emphasised
        raw = emphasised.copy()
        emphasised[1:] -= self._preemph * raw[:-1]
        if self._last is not None:  # a stream's very first sample stays as it is
            emphasised[0] -= self._preemph * self._last
        self._last = raw[-1]
        return emphasised


def _windows(signal: Frames, length: int, step: int) -> Frames:
    if len(signal) < length:
        return np.empty((0, length), np.float32)
    return np.lib.stride_tricks.sliding_window_view(signal, length)[::step]
