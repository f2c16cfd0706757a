"""How far apart two means are, in standard errors, as far as can be told for values that aren't Gaussian."""

import math
from typing import NamedTuple

_OWN_SPREAD = 6.0
"""The later values' own variance counts as if so many blocks of the earlier one had been seen besides."""

_SKEWER = 1.2
"""The estimate of the skewness is taken as too small: it is of clipped blocks, and of few of them."""


class Side(NamedTuple):
    """One side of a comparison: so many blocks, the mean and the variance of their single values."""

    blocks: float
    mean: float
    spread: float


class Noise(NamedTuple):
    """What is known of the earlier side's blocks: variance, long-run inflation of it, standardised third moment."""

    variance: float
    inflation: float
    skew: float


def standardised(drop: float, before: Side, after: Side, noise: Noise, bounded: bool) -> float:
    """`drop` over its standard error, as the Gaussian score that is as unlikely.

    The variance is the earlier blocks', at the mean that both sides have if nothing changed, and larger where the later
    values spread more than that. That it is an estimate makes the score Student's (Wallace, 1959); a harmful skew
    makes it a gamma's (Wilson and Hilferty, 1931). Both are turned into a Gaussian's.
    """
    n, m = before.blocks, after.blocks
    own = max(1.0, (_OWN_SPREAD + m * growth(before, after, bounded)) / (_OWN_SPREAD + m))
    mean = (n * before.mean + m * after.mean) / (n + m)
    error = math.sqrt(noise.inflation * noise.variance * tie(before.mean, mean, bounded) * (1.0 / n + own / m))
    score = drop / error if error > 0.0 else 0.0
    if score <= 1.0:
        return score
    freedom = max(n - 1.0, 1.0)
    score = math.sqrt(freedom * math.log1p(score * score / freedom))
    third = -_SKEWER * noise.skew * (1.0 / (m * m) - 1.0 / (n * n)) / math.pow(1.0 / m + 1.0 / n, 1.5)
    return score if third < 1e-3 else 6.0 / third * (math.cbrt(1.0 + third * score / 2.0) - 1.0) + third / 6.0


def growth(before: Side, after: Side, bounded: bool) -> float:
    """How many times the variance of values grew, beyond what its mean's move towards the middle explains."""
    if before.spread <= 0.0:
        return 1.0
    return after.spread / before.spread / tie(before.mean, after.mean, bounded)


def tie(before: float, after: float, bounded: bool) -> float:
    """How much a bounded value's variance must grow when its mean moves from `before` to `after`: 1 or more."""
    if not (bounded and 0.0 < before < 1.0 and 0.0 < after < 1.0):
        return 1.0
    return max(1.0, after * (1.0 - after) / (before * (1.0 - before)))
