"""Intervals: those of the tables."""

from __future__ import annotations

import pytest

pytest.importorskip("scipy", reason="the training extra is not installed")

from kws_app.training.intervals import poisson_rate, wilson


def test_intervals_are_those_of_the_tables() -> None:
    """The values printed in the references for Wilson's and Garwood's intervals."""
    assert wilson(2, 60) == pytest.approx((0.009, 0.114), abs=5e-4)
    assert wilson(0, 60) == pytest.approx((0.0, 0.060), abs=5e-4)
    assert poisson_rate(1, 10) == pytest.approx((0.003, 0.557), abs=1e-3)
    assert poisson_rate(0, 24) == pytest.approx((0.0, 0.154), abs=1e-3)
