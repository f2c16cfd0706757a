"""Difference of two arms that run at the same time, with bounds that are valid at every look.

Each arm has a sum of values per stratum, a period with one split of the traffic: the difference is taken within each
stratum, so that a change of the traffic between periods is not mistaken for one between arms. The bounds are one-sided
asymptotic confidence sequences by a normal mixture (Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, 2024, Time-uniform
central limit theory and asymptotic confidence sequences).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

TUNED_FOR = 150.0
"""Values of the smaller arm at which the bounds are tightest."""


@dataclass(frozen=True, slots=True)
class ArmSums:
    """Count, sum and sum of squares of the values of an arm, on a scale where more is better."""

    n: int = 0
    total: float = 0.0
    squares: float = 0.0

    @property
    def mean(self) -> float:
        """The mean; 0 without values."""
        return self.total / self.n if self.n > 0 else 0.0

    def variance(self, bounded: bool) -> float:
        """Return the variance; of values in [0, 1] as if one best and one worst value had been seen as well.

        So it is never 0, and rare events are not taken for impossible ones.
        """
        if self.n <= 0:
            return 0.0
        squared = max(0.0, self.squares - self.total * self.total / self.n)
        return (squared + 0.5) / (self.n + 2) if bounded else squared / self.n


@dataclass(frozen=True, slots=True)
class Stratum:
    """Both arms in one period."""

    base: ArmSums
    candidate: ArmSums


@dataclass(frozen=True, slots=True)
class Difference:
    """Candidate minus base, with bounds each of which is wrong at any time with a probability of at most `alpha`.

    `base` and `candidate` are the numbers of values that were compared. Without any, it is unknown: all is None.
    """

    base: int
    candidate: int
    mean: float | None = None
    low: float | None = None
    high: float | None = None


def compare_arms(strata: Sequence[Stratum], bounded: bool, alpha: float) -> Difference:
    """Return the difference of the arms over all strata that have at least two values of each arm."""
    used = [each for each in strata if each.base.n > 1 and each.candidate.n > 1]
    base, candidate = sum(each.base.n for each in used), sum(each.candidate.n for each in used)
    if not used:
        return Difference(base, candidate)
    # The weight of a stratum is its information, the harmonic count of its arms; together they are the time.
    weights = [each.base.n * each.candidate.n / (each.base.n + each.candidate.n) for each in used]
    time = math.fsum(weights)
    mean = math.fsum(w * (s.candidate.mean - s.base.mean) for w, s in zip(weights, used, strict=True)) / time
    variance = math.fsum(w * w * _squared_error(s, bounded) for w, s in zip(weights, used, strict=True)) / time**2
    half = math.sqrt(variance) * one_sided_widening(time, alpha)
    return Difference(base, candidate, mean, mean - half, mean + half)


def one_sided_widening(count: float, alpha: float, tuned_for: float = TUNED_FOR) -> float:
    """Return the distance of a one-sided bound from the mean of `count` values, in standard errors."""
    twice = -2.0 * math.log(2.0 * alpha)
    rho2 = (twice + math.log(twice) + 1.0) / tuned_for
    grown = count * rho2 + 1.0
    return math.sqrt(2.0 * grown / (count * rho2) * math.log1p(math.sqrt(grown) / (2.0 * alpha)))


def log_sample_ratio_evidence(base: int, candidate: int, share: float) -> float:
    """Return the log evidence against "each value is the candidate's with probability `share`", valid at every look.

    A Beta mixture around `share` that is worth 100 values (Lindon and Malek, 2022, Anytime-valid inference for
    multinomial count data). The mean of the evidence is at most 1 if the hypothesis is true.
    """
    prior = (100.0 * share, 100.0 * (1.0 - share))
    gained = _log_beta(prior[0] + candidate, prior[1] + base) - _log_beta(*prior)
    return gained - candidate * math.log(share) - base * math.log1p(-share)


def _squared_error(stratum: Stratum, bounded: bool) -> float:
    base, candidate = stratum.base, stratum.candidate
    return candidate.variance(bounded) / candidate.n + base.variance(bounded) / base.n


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
