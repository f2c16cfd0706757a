"""Other judges of a candidate beside its base, on the same values: how rollouts are decided elsewhere.

Each returns "harmful", "complete" or None (goes on) for the values of both arms so far. All take values as independent.
"""

import math
from collections.abc import Callable
from statistics import NormalDist
from typing import Literal

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float64]
End = Literal["harmful", "complete"]
Judge = Callable[[Values, Values], End | None]
"""Judges the values of the base and of the candidate."""
ALPHA, MARGIN = 0.05, 0.03
_HORIZON = 1_000
_GROWTHBOOK_TUNED_FOR = 5_000
_KAYENTA_INTERVAL, _KAYENTA_INTERVALS, _KAYENTA_CONFIDENCE = 100, 5, 0.98


def fixed_horizon(base: Values, candidate: Values) -> End | None:
    """Decide once, at 1,000 values of the candidate, by one-sided z-tests at 5 %."""
    return z_test(base, candidate) or "complete" if len(candidate) >= _HORIZON else None


def z_test(base: Values, candidate: Values) -> End | None:
    """Decide at every look by one-sided z-tests at 5 % from 100 values on, as if it were the only one."""
    return _by_bounds(base, candidate, NormalDist().inv_cdf(1.0 - ALPHA)) if len(candidate) >= 100 else None


def growthbook(base: Values, candidate: Values) -> End | None:
    """Decide by the bounds of GrowthBook's sequential testing, tuned for 5,000 values as by default."""
    n = len(base) + len(candidate)
    twice = -2.0 * math.log(ALPHA)
    rho2 = (twice + math.log(twice + 1.0)) / _GROWTHBOOK_TUNED_FOR
    grown = n * rho2 + 1.0
    widening = math.sqrt(2.0 * grown / (n * rho2) * math.log(math.sqrt(grown) / ALPHA))
    return _by_bounds(base, candidate, widening) if len(candidate) >= 100 else None


def kayenta(base: Values, candidate: Values) -> End | None:
    """Compare by Mann-Whitney at 98 % after every 100 values; promote after five intervals without a failed one."""
    n = len(candidate)
    if n < _KAYENTA_INTERVAL or n % _KAYENTA_INTERVAL:
        return None
    if _rank_score(base, candidate) < -NormalDist().inv_cdf((1.0 + _KAYENTA_CONFIDENCE) / 2.0):
        return "harmful"
    return "complete" if n >= _KAYENTA_INTERVAL * _KAYENTA_INTERVALS else None


JUDGES: dict[str, Judge] = {
    "fixed horizon": fixed_horizon,
    "z-test at every look": z_test,
    "GrowthBook": growthbook,
    "Kayenta-style": kayenta,
}


def _by_bounds(base: Values, candidate: Values, widening: float) -> End | None:
    error = math.sqrt(base.var() / len(base) + candidate.var() / len(candidate))
    mean = float(candidate.mean() - base.mean())
    if mean + widening * error < 0.0:
        return "harmful"
    return "complete" if mean - widening * error > -MARGIN else None


def _rank_score(base: Values, candidate: Values) -> float:
    """Return the normal score of Mann and Whitney's U of the candidate, with the correction for ties."""
    _, inverse, counts = np.unique(np.concatenate([base, candidate]), return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2.0)[inverse]
    m, n = len(base), len(candidate)
    total = m + n
    excess = float(ranks[m:].sum()) - n * (total + 1) / 2.0
    ties = float((counts**3 - counts).sum()) / (total * (total - 1))
    return excess / math.sqrt(m * n / 12.0 * (total + 1 - ties))
