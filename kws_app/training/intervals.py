"""How sure a figure is: confidence intervals of shares and of rates."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from scipy.stats import chi2, norm

DRAWS = 4000
"""Of a bootstrap."""


def wilson(failures: int, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson's interval of ``failures / trials``."""
    if not trials:
        return 0.0, 1.0
    z = float(norm.ppf(0.5 + confidence / 2))
    share = failures / trials
    centre = (share + z * z / (2 * trials)) / (1 + z * z / trials)
    half = z / (1 + z * z / trials) * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials**2))
    return max(0.0, centre - half), min(1.0, centre + half)


def poisson_rate(events: int, hours: float, confidence: float = 0.95) -> tuple[float, float]:
    """Garwood's exact interval of a rate an hour."""
    tail = (1 - confidence) / 2
    low = float(chi2.ppf(tail, 2 * events)) / 2 if events else 0.0
    return low / hours, float(chi2.ppf(1 - tail, 2 * events + 2)) / 2 / hours


def over_groups(groups: Iterable[tuple[float, float]], confidence: float = 0.95) -> tuple[float, float] | None:
    """Bootstrap interval of ``sum(events) / sum(trials)``, whole groups (events, trials) drawn anew; None below two.

    Clips of one speaker, and alarms in one recording, are not independent, so what counts each by itself is too
    narrow; and this says nothing where no group has an event.
    """
    counts = np.array([*groups], float)
    if len(counts) < 2:
        return None
    picks = np.random.default_rng(0).integers(len(counts), size=(DRAWS, len(counts)))
    rates = counts[picks, 0].sum(axis=1) / counts[picks, 1].sum(axis=1)
    low, high = np.quantile(rates, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def change_over_groups(
    groups: Iterable[tuple[float, float, float]], confidence: float = 0.95
) -> tuple[float, float] | None:
    """Bootstrap interval of a change of rate, each group (events before, events after, trials) drawn as one.

    What is hard for both sides is drawn for both, so that it does not blur the change.
    """
    return over_groups(((after - before, trials) for before, after, trials in groups), confidence)
