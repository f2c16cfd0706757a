"""Confidence sequences: intervals that are valid at all sample sizes at once, as far as means are normal."""

import math
from collections.abc import Callable

from analyzer.domain.detection.running_stats import BLOCK
from analyzer.domain.detection.types import Estimate
from analyzer.domain.detection.variance import VarianceModel

LEVEL = 0.95
_BISECTIONS = 40
_TUNED_FOR = 200.0 / BLOCK
_NARROWEST = -2.0 * math.log(1.0 - LEVEL) + math.log(-2.0 * math.log(1.0 - LEVEL)) + 1.0


def widening(count: float, tuned_for: float = _TUNED_FOR) -> float:
    """Return the half width in standard errors: two-sided normal mixture of Waudby-Smith et al. (2024).

    `count` is the number of blocks or values; for a difference, the harmonic count of its two sides. The interval is
    narrowest, for its level, at about `tuned_for` of them (section 2.3).
    """
    rho2 = _NARROWEST / tuned_for
    grown = count * rho2 + 1.0
    return math.sqrt(2.0 * grown / (count * rho2) * math.log(math.sqrt(grown) / (1.0 - LEVEL)))


def estimate_mean(blocks: int, mean: float, model: VarianceModel, width: float) -> Estimate:
    """Return the mean of `blocks` blocks with `width` standard errors to each side; Wilson's (1927) for Bernoulli."""
    half = width * math.sqrt(model.variance / blocks) if blocks else math.inf
    low, high = mean - half, mean + half
    if blocks and model.bernoulli_ratio:
        within = min(max(mean, 0.0), 1.0)  # rounding and segment adjustment may move it outside
        pull = width * width * model.bernoulli_ratio / blocks
        middle = mean - within + (within + pull / 2.0) / (1.0 + pull)
        half = math.sqrt(pull * within * (1.0 - within) + pull * pull / 4.0) / (1.0 + pull)
        low, high = min(low, middle - half), max(high, middle + half)
    return Estimate(blocks * BLOCK, mean, low, high, LEVEL)


def estimate_drop(before: Estimate, after: Estimate) -> Estimate:
    """Return the difference `before` - `after`, its interval combined from theirs (Newcombe, 1998; Zou and Donner)."""
    drop = before.mean - after.mean
    low = drop - math.hypot(before.mean - before.low, after.high - after.mean)
    high = drop + math.hypot(before.high - before.mean, after.mean - after.low)
    return Estimate(min(before.n, after.n), drop, low, high, LEVEL)


def estimate_rate(n: int, events: int) -> Estimate:
    """Return the rate of events with an exact interval: rates that a Beta(1/2, 1/2) mixture of bets has not refuted."""
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
    """Return the value at which `refuted` changes, to about 1e-12."""
    for _ in range(_BISECTIONS):
        middle = (outside + inside) / 2.0
        outside, inside = (middle, inside) if refuted(middle) else (outside, middle)
    return outside
