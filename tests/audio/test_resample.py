"""Conversion: any rate, sample format and channel count becomes 16 kHz mono, however the stream is cut."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kws_app.arrays import RATE, Samples
from kws_app.audio.resample import DeviceFrames, Resampler

NOISE = np.random.default_rng(3).normal(scale=3000, size=(60_000, 2)).clip(-32768, 32767).astype(np.int16)


def tone(rate: int, seconds: float = 1.0) -> npt.NDArray[np.float64]:
    """440 Hz at a third of full scale, the same sound at every rate."""
    return 10_000 * np.sin(2 * np.pi * 440 * np.arange(round(rate * seconds)) / rate)


def converted(frames: DeviceFrames, rate: int) -> Samples:
    resampler = Resampler(rate, frames.shape[1])
    return np.concatenate([resampler.push(frames), resampler.flush()])


@given(rate=st.sampled_from([8000, 22_050, 44_100, 48_000]), cuts=st.lists(st.integers(0, 60_000), max_size=30))
def test_resampling_in_pieces_equals_resampling_whole(rate: int, cuts: list[int]) -> None:
    resampler = Resampler(rate, 2)
    edges = [0, *sorted(cuts), len(NOISE)]

    pieces = [resampler.push(NOISE[start:stop]) for start, stop in pairwise(edges)]

    assert np.array_equal(np.concatenate([*pieces, resampler.flush()]), converted(NOISE, rate))


@pytest.mark.parametrize("rate", [8000, 11_025, 22_050, 32_000, 44_100, 48_000, 96_000, 192_000])
def test_a_tone_keeps_its_pitch_level_place_and_length_at_every_rate(rate: int) -> None:
    samples = converted(tone(rate).round().astype(np.int16)[:, np.newaxis], rate)

    assert len(samples) == RATE
    middle = slice(1000, -1000)  # the filter rings where a tone begins and ends
    assert np.abs(samples - tone(RATE))[middle].max() <= 3


@pytest.mark.parametrize(
    "frames",
    [
        tone(RATE).round().astype(np.int16),
        (tone(RATE) * 65536).astype(np.int32),
        (tone(RATE) * 65536).astype(np.int32) & ~0xFF,  # 24 bits
        (tone(RATE) / 32768).astype(np.float32),
    ],
    ids=["int16", "int32", "24 bits in int32", "float32"],
)
def test_every_sample_format_means_the_same_sound(frames: npt.NDArray[np.generic]) -> None:
    samples = converted(frames[:, np.newaxis], RATE)

    assert samples.dtype == np.int16
    assert np.abs(samples - tone(RATE)).max() <= 0.51


def test_16_khz_mono_int16_passes_bit_for_bit() -> None:
    assert np.array_equal(converted(NOISE[:, :1], RATE), NOISE[:, 0])


def test_mono_is_the_mean_of_the_channels() -> None:
    frames = np.array([[100, 300, -30, 2], [32767] * 4, [-32768] * 4], np.int16)

    assert converted(frames, RATE).tolist() == [93, 32767, -32768]


def test_what_is_louder_than_full_scale_is_clipped_and_does_not_wrap() -> None:
    square = np.where(np.arange(48_000) % 200 < 100, 32767, -32768).astype(np.int16)

    samples = converted(square[:, np.newaxis], 48_000)  # the filter overshoots at every edge

    assert samples.max() == 32767
    assert samples.min() == -32768
    assert np.array_equal(samples[1000:-1000] > 0, square[::3][1000:-1000] > 0)


@pytest.mark.parametrize("wild", [np.nan, np.inf, -np.inf])
def test_values_that_are_no_numbers_become_silence_and_are_counted(wild: float) -> None:
    frames = np.zeros((4800, 2), np.float32)
    frames[100:103, 1] = wild
    resampler = Resampler(48_000, 2)

    samples = np.concatenate([resampler.push(frames), resampler.flush()])

    assert not samples.any()
    assert resampler.repaired == 3


def test_a_finite_but_absurd_value_does_no_more_than_full_scale_would() -> None:
    absurd, full_scale = np.zeros((2, 4800, 1), np.float32)
    absurd[2400], full_scale[2400] = 3e38, 1

    assert np.array_equal(converted(absurd, 48_000), converted(full_scale, 48_000))


def test_after_a_flush_a_new_stream_begins() -> None:
    resampler = Resampler(44_100, 2)
    resampler.push(NOISE[::-1])
    resampler.flush()

    again = np.concatenate([resampler.push(NOISE), resampler.flush()])

    assert np.array_equal(again, converted(NOISE, 44_100))
