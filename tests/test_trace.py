"""A recording's scores, frame by frame."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from kws_app.arrays import RATE
from kws_app.errors import ModelError, RecordingError
from kws_app.features.framing import Framing
from kws_app.features.mfcc import Mfcc
from kws_app.model.stepper import Model, load_model
from kws_app.pipeline import KeywordSettings, front_end
from kws_app.trace import trace

BOTH = {"rise": KeywordSettings(), "fall": KeywordSettings()}


@pytest.fixture
def model(tiny_model: Path) -> Model:
    return load_model(tiny_model)


def test_every_frame_has_its_time_and_its_scores_in_one_dtype_each(recording: Path, model: Model) -> None:
    traced = trace(recording, model, BOTH)

    frames = (4 * RATE - 480) // 320 + 1
    assert (traced.times.dtype, traced.times.shape) == (np.float64, (frames,))
    assert (traced.scores.dtype, traced.scores.shape) == (np.float32, (frames, 2))
    assert (traced.smoothed.dtype, traced.smoothed.shape) == (np.float32, (frames, 2))
    np.testing.assert_allclose(traced.times, 0.03 + 0.02 * np.arange(frames))


def test_the_scores_are_the_models_own(recording: Path, model: Model) -> None:
    settings, stepper = front_end(model), model.stepper()
    samples, _ = soundfile.read(recording, dtype="int16")
    coefficients = Mfcc(settings).compute(Framing(settings).push(samples))
    expected = [stepper.step(frame[None])[0].copy() for frame in coefficients]

    np.testing.assert_array_equal(trace(recording, model, BOTH).scores, expected)


def test_the_columns_are_the_keywords_asked_for(recording: Path, model: Model) -> None:
    both, one = trace(recording, model, BOTH), trace(recording, model, {"fall": KeywordSettings()})

    assert (both.keywords, one.keywords) == (("rise", "fall"), ("fall",))
    np.testing.assert_array_equal(one.scores[:, 0], both.scores[:, 1])
    np.testing.assert_array_equal(one.smoothed[:, 0], both.smoothed[:, 1])


def test_each_trace_begins_with_a_new_stream(recording: Path, model: Model) -> None:
    first, second = trace(recording, model, BOTH), trace(recording, model, BOTH)

    np.testing.assert_array_equal(first.scores, second.scores)


def test_a_recording_shorter_than_a_frame_has_no_scores(tmp_path: Path, model: Model) -> None:
    soundfile.write(tmp_path / "short.wav", np.zeros(479, np.int16), RATE)

    traced = trace(tmp_path / "short.wav", model, BOTH)

    assert (traced.times.shape, traced.scores.shape, traced.smoothed.shape) == ((0,), (0, 2), (0, 2))


def test_a_recording_that_cannot_be_read_is_named(tmp_path: Path, model: Model) -> None:
    with pytest.raises(RecordingError, match=r"absent\.wav: No such file"):
        trace(tmp_path / "absent.wav", model, BOTH)


def test_a_word_the_model_does_not_have_is_answered_with_the_nearest(recording: Path, model: Model) -> None:
    with pytest.raises(ModelError, match="has no keyword 'raise'; did you mean 'rise'"):
        trace(recording, model, {"raise": KeywordSettings()})
