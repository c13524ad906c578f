"""How sure a figure is: confidence intervals of shares and of rates."""

from __future__ import annotations

import math

from scipy.stats import chi2, norm


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
