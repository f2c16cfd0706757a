"""Intervals that may be watched: right at all sample sizes at once, as far as a mean of so many values is normal."""

import math
from collections.abc import Callable
from typing import NamedTuple

from analyzer.domain.detection.running_stats import BLOCK
from analyzer.domain.detection.types import Estimate

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


class Law(NamedTuple):
    """How a block's mean varies, in the long run: its variance, or `coins` times mean * (1 - mean), the wider of both.

    The mean is the true one: a bounded value's variance grows with the distance from its bounds, and the end of an
    interval that lies further from them must know. 0 says nothing: unbounded values have no coins, thumbs nothing else.
    """

    variance: float
    coins: float = 0.0


def mean_of(blocks: int, mean: float, law: Law, width: float) -> Estimate:
    """The mean of so many blocks, `width` standard errors to each side; for coins these are Wilson's (1927)."""
    half = width * math.sqrt(law.variance / blocks) if blocks else math.inf
    low, high = mean - half, mean + half
    if blocks and law.coins:
        within = min(max(mean, 0.0), 1.0)  # it may lie outside by rounding, or because its segment's mean was taken off
        pull = width * width * law.coins / blocks
        middle = mean - within + (within + pull / 2.0) / (1.0 + pull)
        half = math.sqrt(pull * within * (1.0 - within) + pull * pull / 4.0) / (1.0 + pull)
        low, high = min(low, middle - half), max(high, middle + half)
    return Estimate(blocks * BLOCK, mean, low, high, LEVEL)


def drop_of(before: Estimate, after: Estimate) -> Estimate:
    """The drop between two means whose intervals are so wide as its own must be (Newcombe, 1998; Zou and Donner)."""
    drop = before.mean - after.mean
    low = drop - math.hypot(before.mean - before.low, after.high - after.mean)
    high = drop + math.hypot(before.high - before.mean, after.mean - after.low)
    return Estimate(min(before.n, after.n), drop, low, high, LEVEL)


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
