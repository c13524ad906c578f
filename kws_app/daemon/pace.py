"""Judges how a device delivers: as fast as it says, and without losing audio all the time."""

from __future__ import annotations

from collections import deque

from kws_app.arrays import RATE
from kws_app.audio.capture import Delivery

RATE_WINDOW_SECONDS = 0.75
RATE_WINDOWS = 3
RATE_TOLERANCE = 0.04
"""So many windows in a row must be off by more than that, and to the same side. Audio that comes late or is lost moves
one window, or one up and the next down; 44.1 kHz taken for 48 is 8 % off in all."""

STORM_SECONDS = 3.0
STORM = 10
"""Overflows in that time: a busy board has one now and then."""


class Pace:
    """Whether frames come as fast as the device says, by the times at which it delivered them."""

    def __init__(self) -> None:
        self.fault: str | None = None
        self._off: deque[float] = deque(maxlen=RATE_WINDOWS)
        self.reopened(RATE)

    def reopened(self, rate: int) -> None:
        self._rate = rate
        self._begin: Delivery | None = None

    def note(self, delivery: Delivery) -> None:
        if not delivery.frames:
            return
        if self._begin is None:
            self._begin = delivery
        seconds = delivery.at - self._begin.at
        if seconds < RATE_WINDOW_SECONDS:
            return
        frames = (delivery.frames - self._begin.frames) / seconds
        self._begin = delivery
        self._off.append(frames / self._rate - 1)
        self._judge(frames)

    def _judge(self, frames: float) -> None:
        if abs(self._off[-1]) <= RATE_TOLERANCE:
            self.fault = None
            return
        is_steady = min(self._off) > RATE_TOLERANCE or max(self._off) < -RATE_TOLERANCE
        if self.fault is None and is_steady and len(self._off) == RATE_WINDOWS:
            self.fault = f"wrong rate: about {frames:.0f} frames a second, not {self._rate}"


class Storm:
    """Whether the device loses audio all the time."""

    def __init__(self) -> None:
        self.fault: str | None = None
        self._overflows = 0
        self._times: deque[float] = deque(maxlen=STORM)

    def reopened(self) -> None:
        self._overflows = 0

    def note(self, delivery: Delivery, now: float) -> None:
        for _ in range(min(STORM, delivery.overflows - self._overflows)):
            self._times.append(now)
        self._overflows = delivery.overflows
        is_storm = len(self._times) == STORM and now - self._times[0] < STORM_SECONDS
        self.fault = (
            f"an overflow storm: the device lost audio {STORM} times in {STORM_SECONDS:g} s" if is_storm else None
        )
