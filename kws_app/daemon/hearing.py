"""Judges whether what a microphone delivers can be sound at all: nothing here opens, closes or waits."""

from __future__ import annotations

import logging

import numpy as np

from kws_app.arrays import RATE, Samples
from kws_app.audio.capture import Delivery
from kws_app.audio.settings import AudioSettings
from kws_app.daemon.clock import Clock
from kws_app.daemon.pace import Pace, Storm

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

CLEAR_SECONDS = 0.2
"""Plausible audio in one piece that clears a symptom: a device that was just opened, and the conversion of its rate,
begin with a jump that is no sound."""

LONGEST_LOOK_SECONDS = 0.5
"""Time counts while somebody looks. After a longer pause (the process was stopped, the processor was taken) the device
gets the chance to deliver before it is called silent."""


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
