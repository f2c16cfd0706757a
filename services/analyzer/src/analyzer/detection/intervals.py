"""Intervals that may be watched: right at all sample sizes at once, as far as a mean of so many values is normal."""

import math
from collections.abc import Callable

from analyzer.detection.past import BLOCK
from analyzer.detection.words import Estimate

LEVEL = 0.95
_BISECTIONS = 40
_TUNED_FOR = 200.0 / BLOCK
_RHO2 = (-2.0 * math.log(1.0 - LEVEL) + math.log(-2.0 * math.log(1.0 - LEVEL)) + 1.0) / _TUNED_FOR


def widening(blocks: float) -> float:
    """How many standard errors wide each side is: the normal mixture of Waudby-Smith et al. (2024), two-sided.

    `blocks` counts information: for a difference, the harmonic count of its two sides.
    """
    grown = blocks * _RHO2 + 1.0
    return math.sqrt(2.0 * grown / (blocks * _RHO2) * math.log(math.sqrt(grown) / (1.0 - LEVEL)))


def mean_of(blocks: int, mean: float, variance: float) -> Estimate:
    """The mean of so many blocks, each of that (long-run) variance."""
    half = widening(blocks) * math.sqrt(variance / blocks) if blocks else math.inf
    return Estimate(blocks * BLOCK, mean, mean - half, mean + half, LEVEL)


def drop_of(before: Estimate, after: Estimate, variance: float, own: float, width: float) -> Estimate:
    """The drop between two means, `width` standard errors to each side; variances are of blocks."""
    drop = before.mean - after.mean
    half = width * math.sqrt(BLOCK * (variance / before.n + own / after.n))
    return Estimate(min(before.n, after.n), drop, drop - half, drop + half, LEVEL)


def share_of(n: int, events: int) -> Estimate:
    """The rate of events, exact: the shares that a Beta(1/2, 1/2) mixture of bets has not refuted (Ville)."""
    mean = events / n
    evidence = math.lgamma(events + 0.5) + math.lgamma(n - events + 0.5) - math.lgamma(n + 1.0) - math.log(math.pi)

    def refuted(share: float) -> bool:
        likelihood = (events * math.log(share) if events else 0.0) + (
            (n - events) * math.log1p(-share) if events < n else 0.0
        )
        return evidence - likelihood > -math.log(1.0 - LEVEL)

    low = 0.0 if events == 0 else _edge(refuted, 0.0, mean)
    high = 1.0 if events == n else _edge(refuted, 1.0, mean)
    return Estimate(n, mean, low, high, LEVEL)


def _edge(refuted: Callable[[float], bool], outside: float, inside: float) -> float:
    """Where `refuted` turns, to about a millionth of a millionth."""
    for _ in range(_BISECTIONS):
        middle = (outside + inside) / 2.0
        outside, inside = (middle, inside) if refuted(middle) else (outside, middle)
    return outside
