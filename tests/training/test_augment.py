"""The transforms: each changes what it says and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="the training extra is not installed")

from kws_app.arrays import RATE, Audio
from kws_app.training import augment
from tests.conftest import modules_loaded_by


def tone(hertz: float, seconds: float = 1.0) -> Audio:
    return np.sin(2 * np.pi * hertz * np.arange(int(seconds * RATE)) / RATE).astype(np.float32)


def strongest(audio: Audio) -> float:
    return float(np.argmax(np.abs(np.fft.rfft(audio))) * RATE / len(audio))


def test_speed_moves_tempo_and_pitch_together() -> None:
    faster = augment.change_speed(tone(1000), 1.25)

    assert len(faster) == pytest.approx(RATE / 1.25, abs=2)
    assert strongest(faster) == pytest.approx(1250, abs=2)


def test_the_codec_keeps_length_and_place() -> None:
    audio = np.zeros(RATE, np.float32)
    audio[6000:10000] = tone(700, 0.25) * np.hanning(4000).astype(np.float32) / 2

    coded = augment.through_opus(audio)

    assert coded.shape == audio.shape
    assert abs(int(np.argmax(np.correlate(coded[4000:12000], audio[6000:10000]))) - 2000) <= 16


@pytest.mark.parametrize("seed", range(12))
def test_every_codec_of_few_bits_keeps_length_and_place_and_changes_the_sound(seed: int) -> None:
    audio = np.random.default_rng(0).normal(scale=1e-3, size=RATE).astype(np.float32)
    audio[6000:10000] += tone(700, 0.25) * np.hanning(4000).astype(np.float32) / 2

    coded = augment.through_codec(np.random.default_rng(seed), audio)

    assert (coded.shape, coded.dtype) == (audio.shape, np.float32)
    middle = np.average(np.arange(RATE), weights=np.square(coded, dtype=np.float64))
    assert middle == pytest.approx(8000, abs=0.01 * RATE)
    assert augment.rms(coded - audio) > 1e-4


def test_a_room_keeps_the_direct_sound_in_place_and_rings_after_it() -> None:
    response = augment.simulated_rooms(np.random.default_rng(1), 1)[0]
    click = np.zeros(RATE, np.float32)
    click[4000] = 1.0

    heard = augment.reverberate(click, response)

    assert abs(int(np.argmax(np.abs(heard))) - 4000) <= 8
    assert augment.rms(heard[4800:8000]) > 1e-4


def test_floor_noise_has_the_level_it_is_given() -> None:
    assert augment.rms(augment.coloured_noise(np.random.default_rng(0), RATE)) == pytest.approx(1.0, abs=1e-3)


def test_a_fade_silences_both_ends_only() -> None:
    faded = augment.fade(np.ones(1000, np.float32), 100)

    assert faded[0] == faded[-1] == 0
    assert (faded[100:900] == 1).all()


@pytest.mark.parametrize("seed", range(5))
def test_a_coloured_microphone_stays_finite_and_keeps_length(seed: int) -> None:
    audio = tone(440)

    coloured = augment.colour(np.random.default_rng(seed), audio)

    assert coloured.shape == audio.shape
    assert coloured.dtype == np.float32
    assert np.isfinite(coloured).all()


@pytest.mark.parametrize("factor", [0.8, 1.25])
def test_tempo_moves_the_length_and_leaves_the_pitch(factor: float) -> None:
    stretched = augment.change_tempo(tone(1000), factor)

    assert len(stretched) == pytest.approx(RATE / factor, abs=480)
    assert strongest(stretched) == pytest.approx(1000, abs=3)


def test_rooms_are_simulated_without_starting_the_sound_system() -> None:
    program = """
import numpy as np
from kws_app.training.augment import simulated_rooms
assert len(simulated_rooms(np.random.default_rng(0), 1)) == 1
"""
    assert modules_loaded_by(program) & {"pyroomacoustics", "sounddevice"} == {"pyroomacoustics"}
