"""How far apart two means are, in standard errors."""

import math

_OWN_SPREAD = 6.0
"""The later values' own variance counts as if so many blocks of the earlier one had been seen besides."""


def standardised(
    drop: float, before: float, after: float, variance: float, grown: float, inflation: float, skew: float
) -> float:
    """`drop` over its standard error, for `before` and `after` blocks.

    `grown` is how many times the variance of the later values is what was expected; less than 1 is taken as 1. A
    harmful skew makes large drops likelier than a Gaussian's: the first term of the Cornish-Fisher expansion takes
    that off.
    """
    own = max(1.0, (_OWN_SPREAD + after * grown) / (_OWN_SPREAD + after))
    error = math.sqrt(inflation * variance * (1.0 / before + own / after))
    score = drop / error if error > 0.0 else 0.0
    if score <= 1.0:
        return score
    third = -skew * (1.0 / (after * after) - 1.0 / (before * before)) / math.pow(1.0 / after + 1.0 / before, 1.5)
    return score - max(third, 0.0) * (score * score - 1.0) / 6.0


def growth(before: float, after: float, earlier: float, later: float, bounded: bool) -> float:
    """How many times the variance of values grew from `earlier` to `later`, means going from `before` to `after`.

    What a bounded value's variance must grow because its mean moved towards the middle is not counted.
    """
    grown = later / earlier if earlier > 0.0 else 1.0
    if bounded and 0.0 < before < 1.0 and 0.0 < after < 1.0:
        grown /= max(1.0, after * (1.0 - after) / (before * (1.0 - before)))
    return grown
