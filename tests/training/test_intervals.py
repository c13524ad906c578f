"""Intervals: those of the tables."""

from __future__ import annotations

import pytest

pytest.importorskip("scipy", reason="the training extra is not installed")

from kws_app.training.intervals import over_groups, poisson_rate, wilson


def test_intervals_are_those_of_the_tables() -> None:
    """The values printed in the references for Wilson's and Garwood's intervals."""
    assert wilson(2, 60) == pytest.approx((0.009, 0.114), abs=5e-4)
    assert wilson(0, 60) == pytest.approx((0.0, 0.060), abs=5e-4)
    assert poisson_rate(1, 10) == pytest.approx((0.003, 0.557), abs=1e-3)
    assert poisson_rate(0, 24) == pytest.approx((0.0, 0.154), abs=1e-3)


def test_an_interval_over_groups_holds_the_rate_and_needs_two_of_them() -> None:
    low, high = over_groups([(0, 10), (5, 10), (1, 10), (2, 10)]) or (0, 0)

    assert 0 <= low < 8 / 40 < high <= 0.5
    assert over_groups([(1, 10)]) is None
