"""The Python API."""

from __future__ import annotations

import numpy as np
import pytest

import kws_app
from kws_app import Detection, Detector
from kws_app.arrays import Samples
from kws_app.errors import ModelError
from tests.conftest import TINY_MODEL, spoken_words


def test_a_detector_hears_a_word_in_blocks_of_any_size(spoken: Samples) -> None:
    detector = Detector("rise", model=TINY_MODEL)

    heard = [detection for block in np.array_split(spoken, 100) for detection in detector.push(block)]

    assert [(type(each), each.keyword) for each in heard] == [(Detection, "rise")]
    assert heard[0].time == pytest.approx(1.5, abs=0.25)


def test_a_detector_hears_several_words() -> None:
    detector = Detector(["rise", "fall"], model=str(TINY_MODEL))

    assert [each.keyword for each in detector.push(spoken_words("fall", "rise"))] == ["fall", "rise"]


def test_only_detections_come_out_not_near_misses() -> None:
    detector = Detector("rise", model=TINY_MODEL, sensitivity="quiet")

    assert all(isinstance(each, Detection) for each in detector.push(spoken_words("rise", "fall", "hum")))


def test_after_a_reset_the_audio_before_is_forgotten(spoken: Samples) -> None:
    detector = Detector("rise", model=TINY_MODEL)
    detector.push(spoken[: 16_000 + 4000])  # half the word

    detector.reset()

    assert detector.push(spoken[16_000 + 4000 :]) == []


def test_an_unknown_sensitivity_and_an_unknown_word_are_refused() -> None:
    with pytest.raises(ValueError, match="sensitivity must be one of quiet, balanced, eager, got 'loud'"):
        Detector("rise", model=TINY_MODEL, sensitivity="loud")
    with pytest.raises(ModelError, match="has no keyword 'raise'; did you mean 'rise'"):
        Detector("raise", model=TINY_MODEL)


def test_a_missing_model_is_named() -> None:
    with pytest.raises(ModelError, match=r"absent\.onnx: no such file"):
        Detector("rise", model="absent.onnx")


def test_the_public_face_is_three_names() -> None:
    assert sorted(kws_app.__all__) == ["Detection", "Detector", "__version__"]
    with pytest.raises(AttributeError, match="module 'kws_app' has no attribute 'Pipeline'"):
        kws_app.Pipeline  # noqa: B018
