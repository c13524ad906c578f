"""Framing: the frames of a stream, however it is cut."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kws_app.arrays import Samples
from kws_app.features.framing import Framing
from kws_app.features.mfcc import MfccSettings
from tests.conftest import bytes_grown, cut

SETTINGS = MfccSettings(winlen=0.025, winstep=0.01)
APART = MfccSettings(winlen=0.01, winstep=0.025)
NOISE = np.random.default_rng(0).integers(-32768, 32768, 20_000).astype(np.int16)


def pushed(settings: MfccSettings, blocks: list[Samples]) -> np.ndarray:
    framing = Framing(settings)
    return np.concatenate([framing.push(block).copy() for block in blocks])


@given(cuts=st.lists(st.integers(0, 1500), max_size=40), settings=st.sampled_from([SETTINGS, APART]))
def test_frames_do_not_depend_on_how_the_stream_is_cut(cuts: list[int], settings: MfccSettings) -> None:
    whole = pushed(settings, [NOISE])

    in_blocks = pushed(settings, cut(NOISE, cuts))

    assert np.array_equal(in_blocks, whole)


@pytest.mark.parametrize("size", [1, 160, 400, 560])
def test_blocks_of_one_sample_a_hop_or_a_frame_give_the_frames_of_the_whole(size: int) -> None:
    samples = NOISE[:4000]

    in_blocks = pushed(SETTINGS, [samples[first : first + size] for first in range(0, len(samples), size)])

    assert np.array_equal(in_blocks, pushed(SETTINGS, [samples]))


def test_frame_i_begins_at_i_steps() -> None:
    flat = MfccSettings(winlen=0.025, winstep=0.01, preemph=0)

    frames = pushed(flat, [NOISE])

    assert np.array_equal(frames[7], NOISE[7 * 160 : 7 * 160 + 400])


@pytest.mark.parametrize(("samples", "frames"), [(0, 0), (399, 0), (400, 1), (559, 1), (560, 2), (16_000, 98)])
def test_only_complete_frames_are_given(samples: int, frames: int) -> None:
    assert len(pushed(SETTINGS, [NOISE[:samples]])) == frames


def test_the_first_sample_of_a_stream_is_not_filtered() -> None:
    assert pushed(SETTINGS, [NOISE])[0, 0] == NOISE[0]


def test_pre_emphasis_goes_on_across_blocks() -> None:
    frames = pushed(SETTINGS, [NOISE[:160], NOISE[160:]])

    assert frames[1, 0] == pytest.approx(NOISE[160] - 0.97 * NOISE[159])


def test_after_a_reset_a_new_stream_begins() -> None:
    framing = Framing(SETTINGS)
    framing.push(NOISE[:777])

    framing.reset()

    assert np.array_equal(framing.push(NOISE), pushed(SETTINGS, [NOISE]))


def test_int16_goes_in_and_float64_comes_out() -> None:
    frames = Framing(SETTINGS).push(NOISE)

    assert (NOISE.dtype, frames.dtype) == (np.int16, np.float64)


def test_memory_stays_flat_over_ten_thousand_blocks() -> None:
    framing = Framing(SETTINGS)

    def push() -> None:
        for size in (1, 160, 320, 2000, 7):
            framing.push(NOISE[:size])

    assert bytes_grown(push, times=2000) < 2000  # less than a byte a call
