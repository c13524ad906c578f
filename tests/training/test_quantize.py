"""Int8 weights: rounding is off by half a step at most."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="the training extra is not installed")

from kws_app.training.quantize import quantize_rows


def test_rounding_a_row_is_off_by_at_most_half_a_step() -> None:
    matrix = np.random.default_rng(0).standard_normal((7, 50)).astype(np.float32)
    matrix[3] = 0

    rounded = quantize_rows(matrix)

    assert rounded.values.dtype == np.int8
    assert (np.abs(rounded.as_float() - matrix) <= rounded.scales[:, None] / 2 + 1e-7).all()


def test_a_row_next_to_zero_is_zeros_whose_scale_is_a_number() -> None:
    matrix = np.ones((2, 50), np.float32)
    matrix[1] = 1e-44  # a step of int8 would be less than there are floats for

    rounded = quantize_rows(matrix)

    np.testing.assert_array_equal(rounded.values[1], 0)
    np.testing.assert_array_equal(rounded.scales, np.array([1 / 127, 1], np.float32))
