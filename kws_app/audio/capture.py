"""From a device's thread to blocks of 16 kHz: the ring, the conversion, and what was lost on the way."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from kws_app.arrays import RATE, Samples
from kws_app.audio.resample import DeviceFrames, Resampler
from kws_app.audio.ring import Ring
from kws_app.audio.source import NOTHING, Block

RING_SECONDS = 2
"""An audio server that had stalled delivers up to two seconds in one go."""

MAX_LAG_SECONDS = 1
"""Audio that has waited for longer is not worth hearing: a lamp that goes on late is worse than saying it again."""

LATE_SECONDS = 0.3
DECIDED_SECONDS = 0.4
"""Audio servers lose audio and tell nobody. Audio that comes so much later than it used to is held for so long: what
was only late comes in a burst by then, and what has not come was lost."""

CREEP = 0.05
"""Lateness that the difference of two clocks explains, in a second of audio."""

HISTORY_SECONDS = 10

DEVICE_LOST = "the device lost audio"
FELL_BEHIND = "fell behind"


@dataclass(frozen=True, slots=True)
class Delivery:
    """What a device has delivered so far, when it last did, and how often it said that it lost audio.

    ``position`` counts the frames that came and, beside them, those that it said were lost.
    """

    frames: int = 0
    at: float = 0.0
    overflows: int = 0
    position: int = 0


class Capture:
    """A live stream. The device's thread calls ``write``, one other ``read``; ``history`` is anybody's.

    Args:
        rate: frames a second.
        channels: values a frame.
        sample_format: int16, int32 or float32.
    """

    def __init__(
        self, rate: int, channels: int, sample_format: str, *, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._rate, self._now = rate, now
        self._ring = Ring(RING_SECONDS * rate, channels=channels, dtype=sample_format)
        self._resampler = Resampler(rate, channels)
        self._heard = Ring(HISTORY_SECONDS * RATE, channels=1, dtype=np.int16)
        self._late = _Lateness(rate)
        self._missing = 0
        self.delivery = Delivery()
        """The writer's; replaced as a whole, so that others read it without a lock."""

    @property
    def lag_seconds(self) -> float:
        """Age of the oldest audio that was not yet read."""
        return self._ring.available / self._rate

    def write(self, frames: DeviceFrames, *, overflowed: bool = False) -> None:
        """Take what the device delivers, ``(n, channels)``, losing audio just before it or not."""
        before = self.delivery
        lost = len(frames) if overflowed else 0  # PortAudio does not say how much is gone: a block is the least
        self._ring.write(frames, lost=lost)
        self.delivery = Delivery(
            frames=before.frames + len(frames),
            at=self._now(),
            overflows=before.overflows + overflowed,
            position=before.position + lost + len(frames),
        )

    def read(self) -> Block:
        """Return the audio that has come since the last call: at most a second of it, up to the next loss."""
        missing = self._late.missing(self.delivery)
        if missing is None:
            return NOTHING
        fell_behind = self.lag_seconds > MAX_LAG_SECONDS
        if fell_behind:
            self._ring.jump(self._ring.written)
        frames, lost = self._ring.read(MAX_LAG_SECONDS * self._rate)
        if not lost and not missing:
            return self._remember(Block(self._resampler.push(frames))) if len(frames) else NOTHING
        self._missing += missing
        self._resampler.flush()  # what the filter kept back lies before the gap and counts as lost with it
        begin = round((self._ring.position + self._missing - len(frames)) * RATE / self._rate)
        return self._remember(
            Block(
                self._resampler.push(frames),
                lost=max(1, begin - self._heard.written),
                reason=FELL_BEHIND if fell_behind else DEVICE_LOST,
            )
        )

    def history(self, start: int, stop: int) -> Samples:
        """Return samples *start* to *stop*, counted at 16 kHz from the stream's start, exactly as they were read.

        Zeros stand where audio was lost.

        Raises:
            LookupError: older than ten seconds, or not yet read.
        """
        return self._heard.history(start, stop)[:, 0]

    def _remember(self, block: Block) -> Block:
        self._heard.write(block.samples[:, np.newaxis], lost=block.lost)
        return block


class _Lateness:
    """Whether frames are missing that nobody told of, by the times at which the others came."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._usual: float | None = None
        self._position = 0
        self._since: float | None = None

    def missing(self, delivery: Delivery) -> int | None:
        """How many frames went missing just before those to be read next; None while that is not decided."""
        late = delivery.at - delivery.position / self._rate
        if not delivery.frames:
            return 0
        if self._usual is None:
            self._usual = late
        creep = CREEP * (delivery.position - self._position) / self._rate
        self._usual, self._position = min(late, self._usual + creep), delivery.position
        if late - self._usual < LATE_SECONDS:
            self._since = None
            return 0
        if self._since is None:
            self._since = delivery.at
        if delivery.at - self._since < DECIDED_SECONDS:
            return None
        missing, self._usual, self._since = late - self._usual, late, None
        return round(missing * self._rate)
