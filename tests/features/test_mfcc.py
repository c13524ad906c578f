"""MFCCs: equal to those of python_speech_features."""

from __future__ import annotations

import warnings
from dataclasses import asdict, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kws_app.arrays import Coefficients, Samples
from kws_app.features.framing import Framing
from kws_app.features.mfcc import Mfcc, MfccSettings
from tests.conftest import bytes_at_peak, bytes_grown, cut

SHIPPED = MfccSettings(
    winlen=0.03,
    winstep=0.02,
    numcep=32,
    nfilt=32,
    lowfreq=60,
    highfreq=7600,
    ceplifter=0,
    appendEnergy=False,
    winfunc="hann",
)
WINDOW_FUNCTIONS = {"rectangular": lambda length: np.ones(length), "hann": np.hanning, "hamming": np.hamming}


def reference(samples: Samples, of: MfccSettings) -> np.ndarray:
    """What python_speech_features says, without the frame that it completes with zeros."""
    speech_features = pytest.importorskip("python_speech_features", reason="the definition is in the training extra")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # it says so by logging.warn when it cuts a frame
        rows = speech_features.mfcc(samples, **(asdict(of) | {"winfunc": WINDOW_FUNCTIONS[of.winfunc]}))
    complete = max(0, (len(samples) - of.frame_length) // of.frame_step + 1)
    return np.asarray(rows[:complete])


def streamed(samples: Samples, of: MfccSettings, cuts: list[int]) -> Coefficients:
    framing, mfcc = Framing(of), Mfcc(of)
    return np.concatenate([mfcc.compute(framing.push(block)) for block in cut(samples, cuts)])


def assert_same(got: Coefficients, expected: np.ndarray) -> None:
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-4)


@st.composite
def any_settings(draw: st.DrawFn) -> MfccSettings:
    return MfccSettings(
        samplerate=draw(st.sampled_from([8000, 16_000])),
        winlen=draw(st.sampled_from([0.016, 0.02, 0.025, 0.03, 0.032, 0.064])),
        winstep=draw(st.sampled_from([0.0075, 0.01, 0.016, 0.02, 0.04])),
        numcep=draw(st.integers(1, 50)),
        nfilt=draw(st.integers(1, 40)),
        nfft=draw(st.sampled_from([256, 400, 512, 1024])),
        lowfreq=draw(st.sampled_from([0, 20, 60, 300])),
        highfreq=draw(st.sampled_from([None, 3400, 4000])),
        preemph=draw(st.sampled_from([0, 0.95, 0.97])),
        ceplifter=draw(st.sampled_from([0, 5, 22, 40])),
        appendEnergy=draw(st.booleans()),
        winfunc=draw(st.sampled_from(sorted(WINDOW_FUNCTIONS))),
    )


@st.composite
def any_signal(draw: st.DrawFn) -> Samples:
    """Noise, tones, ramps and steps at any level: what hides and what shows rounding."""
    length, level = draw(st.integers(1, 12_000)), draw(st.sampled_from([0, 1, 30, 3000, 40_000]))
    seconds = np.arange(length) / 16_000
    shape = draw(
        st.sampled_from(
            [
                np.random.default_rng(length).normal(size=length),
                np.sin(2 * np.pi * 1000 * seconds),
                np.sin(2 * np.pi * (40 + 2500 * seconds) * seconds),
                np.linspace(-1, 1, length),
                np.sign(np.sin(2 * np.pi * 50 * seconds)),
            ]
        )
    )
    return (level * shape).round().clip(-32768, 32767).astype(np.int16)


@settings(deadline=None)
@given(samples=any_signal(), of=any_settings(), cuts=st.lists(st.integers(0, 3000), max_size=8))
def test_coefficients_equal_those_of_python_speech_features(
    samples: Samples, of: MfccSettings, cuts: list[int]
) -> None:
    assert_same(streamed(samples, of, cuts), reference(samples, of))


@pytest.mark.parametrize("size", [1, 320, 480, 800])
def test_blocks_of_one_sample_or_of_exact_multiples_give_the_same_coefficients(spoken: Samples, size: int) -> None:
    cuts = [size] * (len(spoken) // size)

    assert_same(streamed(spoken, SHIPPED, cuts), reference(spoken, SHIPPED))


def test_a_block_longer_than_a_minute_gives_the_same_coefficients(spoken: Samples) -> None:
    samples = np.tile(spoken, 31)

    assert_same(streamed(samples, SHIPPED, []), reference(samples, SHIPPED))


@pytest.mark.parametrize("append_energy", [True, False])
def test_digital_silence_is_finite(append_energy: bool) -> None:
    silence, of = np.zeros(16_000, np.int16), replace(SHIPPED, appendEnergy=append_energy)

    coefficients = streamed(silence, of, [])

    assert np.isfinite(coefficients).all()
    assert_same(coefficients, reference(silence, of))


def test_a_frame_longer_than_the_transform_is_cut(spoken: Samples) -> None:
    of = replace(SHIPPED, winlen=0.064, nfft=512)

    assert_same(streamed(spoken, of, []), reference(spoken, of))


def test_float64_frames_go_in_and_float32_coefficients_come_out(spoken: Samples) -> None:
    frames = Framing(SHIPPED).push(spoken)

    coefficients = Mfcc(SHIPPED).compute(frames)

    assert (frames.dtype, coefficients.dtype) == (np.float64, np.float32)


def test_a_block_of_a_minute_needs_a_few_megabytes(spoken: Samples) -> None:
    frames, mfcc = Framing(SHIPPED).push(np.tile(spoken, 30)), Mfcc(SHIPPED)

    assert bytes_at_peak(lambda: mfcc.compute(frames)) < 2_000_000


def test_memory_stays_flat_over_ten_thousand_frames(spoken: Samples) -> None:
    frame, mfcc = Framing(SHIPPED).push(spoken)[:1], Mfcc(SHIPPED)

    assert bytes_grown(lambda: mfcc.compute(frame), times=10_000) < 10_000  # less than a byte a call
