"""Faults of what the microphone delivers: all of them come as a stream that looks alive."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tests.system.faults.recovery import Patient
from tests.system.feeder import Audio

DAMAGES: dict[str, Callable[[Audio], Audio]] = {
    "digital silence": np.zeros_like,
    "constant": lambda chunk: np.full_like(chunk, 1234),
    "offset": lambda chunk: chunk + np.int16(20_000),
    "clipped": lambda chunk: np.where(np.arange(len(chunk)) // 40 % 2, 32_767, -32_768).astype(np.int16)[:, np.newaxis],
}
"""What a broken card makes of audio -> how that is called."""


@pytest.mark.parametrize("fault", DAMAGES)
def test_input_that_cannot_be_sound_is_named_and_sound_is_heard_again(daemon: Patient, fault: str) -> None:
    feeder = daemon.microphone.feeder
    whole, feeder.damage = feeder.damage, DAMAGES[fault]
    daemon.goes_deaf(fault)

    feeder.damage = whole

    daemon.hears_again()


@pytest.mark.parametrize("speed", [0.5, 1.5])
def test_input_at_a_wrong_rate_is_named_and_heard_again_at_the_right_one(daemon: Patient, speed: float) -> None:
    daemon.microphone.feeder.speed = speed
    daemon.goes_deaf("rate", within=10)

    daemon.microphone.feeder.speed = 1.0

    daemon.hears_again()
