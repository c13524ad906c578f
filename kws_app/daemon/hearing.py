"""Judges whether what a microphone delivers can be sound at all: nothing here opens, closes or waits."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable

import numpy as np

from kws_app.arrays import RATE, Samples
from kws_app.audio.capture import Delivery
from kws_app.audio.microphone import AudioSettings

logger = logging.getLogger(__name__)

DIGITAL_SILENCE = "digital silence"

RAIL = 32_700
"""What clips lies here or beyond, also after a conversion of the rate."""

CLIPPED_SHARE = 0.01
CLIPPED_POWER = 13_000.0**2
"""Clipped through and through: samples at full scale, and all of it as loud as no voice is, 8 dB below full scale.
Not a share of samples alone: noise that clipped at 48 kHz keeps a twentieth of it at 16 kHz."""

MOST_OFFSET = 4_096
"""An eighth of full scale. Some good microphones have an offset of a twentieth."""

RATE_WINDOW_SECONDS = 0.75
RATE_WINDOWS = 3
RATE_TOLERANCE = 0.04
"""So many windows in a row must be off by more than that, and to the same side. Audio that comes late or is lost moves
one window, or one up and the next down; 44.1 kHz taken for 48 is 8 % off in all."""

STORM_SECONDS = 3.0
STORM = 10
"""Overflows in that time: a busy board has one now and then."""

CLEAR_SECONDS = 0.2
"""Plausible audio in one piece that clears a symptom: a device that was just opened, and the conversion of its rate,
begin with a jump that is no sound."""

LONGEST_LOOK_SECONDS = 0.5
"""Time counts while somebody looks. After a longer pause (the process was stopped, the processor was taken) the device
gets the chance to deliver before it is called silent."""

JUMP_SECONDS = 1.0


class Clock:
    """What time does besides going on. Injected, so that a test can jump, and hours of audio can be minutes."""

    def __init__(
        self,
        monotonic: Callable[[], float] = time.monotonic,
        boottime: Callable[[], float] = lambda: time.clock_gettime(time.CLOCK_BOOTTIME),
        wall: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.now, self.sleep, self._boottime, self._wall = monotonic, sleep, boottime, wall
        self._awake, self._offset = boottime() - monotonic(), wall() - boottime()

    def slept(self) -> float:
        """Seconds that the machine was suspended since the last call; 0 for a clock that is just read late."""
        before, self._awake = self._awake, self._boottime() - self.now()
        return self._awake - before if self._awake - before > JUMP_SECONDS else 0.0

    def jumped(self) -> float:
        """Seconds by which somebody set the wall clock since the last call; nothing that listens depends on it."""
        before, self._offset = self._offset, self._wall() - self._boottime()
        return self._offset - before if abs(self._offset - before) > JUMP_SECONDS else 0.0


class Hearing:
    """The judge of one microphone through all its openings.

    A symptom must last ``deaf_after_seconds`` (digital silence: ``digital_silence_seconds``) to be believed, and goes
    with a fifth of a second of plausible audio. Opening the device again does not make it plausible; what it delivers
    then does.
    """

    def __init__(self, settings: AudioSettings, clock: Clock | None = None) -> None:
        self._settings, self._clock = settings, clock or Clock()
        self._looked = self._clock.now()
        self._waited = 0.0
        self._symptom: str | None = None
        self._lasted = self._clear = 0.0
        self._pace = Pace()
        self._storm = Storm()
        self._slept = 0.0

    def reopened(self, rate: int) -> None:
        """The device was opened, at *rate* frames a second."""
        self._clock.slept()  # it is awake now
        self._waited = self._slept = 0.0
        self._looked = self._clock.now()
        self._pace.reopened(rate)
        self._storm.reopened()

    def judge(self, samples: Samples, delivery: Delivery) -> str | None:
        """Take what came since the last call, which may be nothing; None if it is plausible, else why not.

        Call it every half second at least.
        """
        now = self._clock.now()
        self._waited += min(now - self._looked, LONGEST_LOOK_SECONDS)
        self._looked = now
        self._slept += self._clock.slept()
        if jumped := self._clock.jumped():
            logger.info("The clock was set by %+.0f s; listening goes on", jumped)
        if len(samples):
            self._waited = 0.0
            self._feel(samples)
        self._pace.note(delivery)
        self._storm.note(delivery, now)
        return self._verdict()

    def _verdict(self) -> str | None:
        settings = self._settings
        if self._slept:
            return f"the machine slept for {self._slept:.0f} s"
        if self._waited >= settings.deaf_after_seconds:
            return f"no audio for {settings.deaf_after_seconds:g} s"
        is_silence = self._symptom == DIGITAL_SILENCE
        if self._lasted >= (settings.digital_silence_seconds if is_silence else settings.deaf_after_seconds):
            return self._symptom
        return self._pace.fault or self._storm.fault

    def _feel(self, samples: Samples) -> None:
        symptom, seconds = symptom_of(samples), len(samples) / RATE
        self._clear = 0.0 if symptom else self._clear + seconds
        if (symptom is not None and symptom != self._symptom) or self._clear >= CLEAR_SECONDS:
            self._symptom, self._lasted = symptom, 0.0
        if symptom is not None:
            self._lasted += seconds


def symptom_of(samples: Samples) -> str | None:
    """What is wrong with *samples*, int16 ``(n,)``, n > 0, if it lasts; None for what a room can sound like."""
    low, high = int(samples.min()), int(samples.max())
    if low == high:
        return f"a constant value of {low}" if low else DIGITAL_SILENCE
    if low > MOST_OFFSET or high < -MOST_OFFSET:
        return "a DC offset: the input never comes near zero"
    if (high >= RAIL or low <= -RAIL) and _is_clipped(samples):
        return "clipped input: is the gain too high?"
    return None


def _is_clipped(samples: Samples) -> bool:
    at_rail = np.count_nonzero((samples >= RAIL) | (samples <= -RAIL))
    values = samples.astype(np.float32)
    return bool(at_rail >= CLIPPED_SHARE * len(values) and values @ values >= CLIPPED_POWER * len(values))


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
