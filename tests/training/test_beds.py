"""Beds: as long and as loud as asked for, and made of what they say."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("scipy", reason="the training extra is not installed")

from kws_app.arrays import RATE, Audio
from kws_app.training.augment import rms
from kws_app.training.beds import Beds, Rooms
from kws_app.training.data import Corpus, Take
from tests.training.test_scenes import band_level, tone

ECHO = np.array([1.0] + [0.0] * 799 + [0.5], np.float32)


def beds() -> Beds:
    """Talk is a tone of 300 Hz, music one of 600 Hz, noise one of 2400 Hz; each lasts 3 s."""
    talk, music, noise = ([Take(tone(hertz, 3.0))] for hertz in (300, 600, 2400))
    return Beds(Corpus(speech=talk, music=music, noise=noise), Rooms([], [ECHO]))


def made(kind: str, seed: int) -> Audio:
    return getattr(beds(), kind)(np.random.default_rng(seed), 10 * RATE)


@pytest.mark.parametrize("kind", ["sound", "television"])
@pytest.mark.parametrize("seed", range(4))
def test_a_bed_is_as_long_as_asked_for_and_never_silent(kind: str, seed: int) -> None:
    bed = made(kind, seed)

    assert (bed.shape, bed.dtype) == ((10 * RATE,), np.float32)
    assert rms(bed) == pytest.approx(1.0, abs=1e-3)
    assert all(rms(second) > 0.5 for second in np.split(bed, 10))


def test_a_television_talks_and_at_times_plays_music_too() -> None:
    music = [band_level(made("television", seed), 600) for seed in range(20)]

    assert min(music) < 1e-3
    assert 3e-3 < max(music) < 0.5


def test_noise_music_and_crowds_take_turns() -> None:
    loudest = {max((300, 600, 2400), key=lambda hertz: band_level(made("sound", seed), hertz)) for seed in range(20)}

    assert loudest == {300, 600, 2400}


def test_measured_rooms_are_half_of_those_drawn() -> None:
    rng, measured = np.random.default_rng(0), np.ones(1, np.float32)

    drawn = [Rooms([measured], [ECHO]).draw(rng) is measured for _ in range(400)]

    assert sum(drawn) == pytest.approx(200, abs=50)
