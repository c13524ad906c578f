"""From samples to windows: pre-emphasis and overlap, whatever the sizes of the blocks that come in."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

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
        self._preemph = settings.preemph
        self._none = np.empty((0, self.length))
        self._signal = np.empty(2 * self.length)  # grows to the largest block that comes, then stays
        self.reset()

    def reset(self) -> None:
        """Begin a new stream: the next sample is its first."""
        self._last = 0  # the raw sample before; zero leaves a stream's very first sample as it is
        self._start = 0  # of the next frame, in the buffer; past the end if frames do not touch (step > length)
        self._end = 0  # of what the buffer holds

    def push(self, samples: Samples) -> Frames:
        """Return the frames that *samples* complete.

        Args:
            samples: int16 ``(n,)``, any n.

        Returns:
            float64 ``(frames, length)`` on the int16 scale: a view, overwritten by the next call.
        """
        self._append(samples)
        count = (self._end - self._start - self.length) // self.step + 1
        if count <= 0:
            return self._none
        width = self._signal.itemsize
        # sliding_window_view gives the same view, and takes longer than all the rest of this method
        frames: Frames = np.ndarray(
            (count, self.length), np.float64, self._signal, self._start * width, (self.step * width, width)
        )
        self._start += count * self.step
        return frames

    def _append(self, samples: Samples) -> None:
        if not len(samples):
            return
        emphasised = self._room_for(len(samples))
        np.multiply(samples[:-1], -self._preemph, out=emphasised[1:])
        emphasised[0] = -self._preemph * self._last
        emphasised += samples
        self._last = int(samples[-1])

    def _room_for(self, count: int) -> npt.NDArray[np.float64]:
        """The next *count* places of the buffer, after what it still needs has moved to its front."""
        kept = self._signal[self._start : self._end]
        size = len(kept) + count
        signal = (
            self._signal if size <= len(self._signal) else np.empty(self.length + count)
        )  # less than a frame is ever kept
        signal[: len(kept)] = kept
        self._start, self._end = max(0, self._start - self._end), size
        self._signal = signal
        return signal[len(kept) : size]
