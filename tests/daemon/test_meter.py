"""Facts about how loud it is."""

from __future__ import annotations

import numpy as np
import pytest

from kws_app.arrays import RATE, Samples
from kws_app.daemon.meter import Meter


def tone(amplitude: float, seconds: float = 2.0) -> Samples:
    time = np.arange(int(seconds * RATE)) / RATE
    return np.rint(amplitude * np.sin(2 * np.pi * 440 * time)).astype(np.int16)


def fed(*parts: Samples) -> Meter:
    meter = Meter()
    for block in np.array_split(np.concatenate(parts), sum(map(len, parts)) // 1280):
        meter.push(block)
    return meter


def test_a_tone_of_half_scale_is_nine_decibels_below_it_and_its_peak_six() -> None:
    level = fed(tone(16_384)).level({})

    assert level.level_dbfs == pytest.approx(-9.03, abs=0.1)
    assert level.peak_dbfs == pytest.approx(-6.02, abs=0.1)
    assert level.clipped == 0


def test_the_noise_floor_is_that_of_the_quiet_before_a_word() -> None:
    level = fed(tone(30, 5), tone(8000, 0.5)).level({})

    assert level.noise_floor_dbfs == pytest.approx(-63.8, abs=2)
    assert level.level_dbfs > -20


def test_samples_at_full_scale_are_counted() -> None:
    assert fed(tone(1000), np.full(1280, -32_768, np.int16), tone(1000)).clipped == 1280


@pytest.mark.parametrize("meter", [Meter(), fed(tone(0))])
def test_digital_silence_has_a_level_that_json_can_say(meter: Meter) -> None:
    level = meter.level({"rise": 0.5})

    assert [level.level_dbfs, level.noise_floor_dbfs, level.peak_dbfs] == pytest.approx([-100] * 3, abs=0.01)
    assert level.scores == {"rise": 0.5}


def test_a_room_that_becomes_loud_again_after_digital_silence_has_a_floor_again() -> None:
    level = fed(tone(30), tone(0, 30), tone(30, 15)).level({})

    assert level.noise_floor_dbfs == pytest.approx(-63.8, abs=2)
