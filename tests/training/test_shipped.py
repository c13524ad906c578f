"""The shipped detector of "computer" alone: it hears the word, in as few bytes as its page promises."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

onnx = pytest.importorskip("onnx", reason="the training extra is not installed")

from kws_app.detector import Detector  # noqa: E402
from kws_app.model.stepper import load_model  # noqa: E402
from tests.conftest import ROOT  # noqa: E402

MODEL = ROOT / "models" / "computer-tiny.onnx"


def test_the_smallest_model_hears_computer_in_a_sentence() -> None:
    sentence, _ = soundfile.read(ROOT / "examples" / "computer.flac", dtype="int16")

    heard = Detector("computer", model=MODEL, sensitivity="eager").push(sentence)

    assert [round(detection.time, 1) for detection in heard] == [4.6, 8.6]


def test_its_thresholds_were_measured() -> None:
    card = load_model(MODEL).card

    assert card.keyword_ids == ["computer"]
    assert card.measured["computer"]["threshold"] == card.keywords[0].thresholds["balanced"]


def test_it_has_four_kilobytes_of_weights_as_fastgrnns_tables_count() -> None:
    """Two bytes an entry that is left of the four sparse factors, and one a number of the head and the biases."""
    stored = [onnx.numpy_helper.to_array(tensor) for tensor in onnx.load(MODEL).graph.initializer]
    sparse = [m for m in stored if m.dtype == np.int8 and np.count_nonzero(m) < 0.31 * m.size]
    others = load_model(MODEL).card.architecture["parameters"] - sum(factor.size for factor in sparse)

    assert len(sparse) == 4
    assert 2 * sum(np.count_nonzero(factor) for factor in sparse) + others <= 4096
