"""Difference of two arms that run at the same time, with bounds that are valid at every look.

Each arm has a sum of values per stratum, a period with one split of the traffic: the difference is taken within each
stratum, so that a change of the traffic between periods is not mistaken for one between arms. The bounds are one-sided
asymptotic confidence sequences by a normal mixture (Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, 2024, Time-uniform
central limit theory and asymptotic confidence sequences). With sums by groups of units, such as users, the units are
independent and not their values: the variance is that of ratios of clusters (Cochran, 1977, Sampling techniques, 6.3).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from shared.statistics.unit_groups import UnitSums, calls_of_unit, clustered_variance

TUNED_FOR = 150.0
"""Independent values of the smaller arm at which the bounds are tightest."""


@dataclass(frozen=True, slots=True)
class ArmSums:
    """Count, sum and sum of squares of the values of an arm, on a scale where more is better.

    `groups` are sums by groups of units; without them, each value is independent.
    """

    n: int = 0
    total: float = 0.0
    squares: float = 0.0
    groups: Mapping[int, UnitSums] = field(default_factory=dict)

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


@dataclass(frozen=True, slots=True)
class _ArmVariance:
    """Variance of the weighted mean of an arm: as if values were independent, of its units, and how many these are."""

    plain: float
    of_units: float
    units: int


@dataclass(frozen=True, slots=True)
class ArmComparison:
    """The difference of two arms with its standard error, of which bounds at any level follow.

    `independent`: how many independent values of the smaller arm it is worth; `units`: those of the arm with fewer,
    which are single values unless `by_unit`.
    """

    base: int
    candidate: int
    units: int
    mean: float = 0.0
    error: float = 0.0
    independent: float = 0.0
    by_unit: bool = False

    def bounds(self, alpha: float) -> Difference:
        """Return the difference with one-sided bounds at level `alpha`; unknown with fewer than two units of an arm."""
        if self.units < 2:
            return Difference(self.base, self.candidate)
        errors = one_sided_widening(self.independent, alpha)
        half = self.error * (for_few_units(errors, self.units) if self.by_unit else errors)
        return Difference(self.base, self.candidate, self.mean, self.mean - half, self.mean + half)


def compare_arms(strata: Sequence[Stratum], bounded: bool) -> ArmComparison:
    """Compare the arms over all strata that have at least two values of each arm."""
    used = [each for each in strata if each.base.n > 1 and each.candidate.n > 1]
    base, candidate = sum(each.base.n for each in used), sum(each.candidate.n for each in used)
    # The weight of a stratum is its information, the harmonic count of its arms; together they are the time.
    information = [each.base.n * each.candidate.n / (each.base.n + each.candidate.n) for each in used]
    time = math.fsum(information)
    weights = [each / time for each in information]
    arms = [
        _arm_variance([each.base for each in used], weights, bounded),
        _arm_variance([each.candidate for each in used], weights, bounded),
    ]
    units = min(each.units for each in arms)
    if units < 2:
        return ArmComparison(base, candidate, units)
    mean = math.fsum(w * (s.candidate.mean - s.base.mean) for w, s in zip(weights, used, strict=True))
    plain = sum(each.plain for each in arms)
    variance = sum(max(each.plain, each.of_units) for each in arms)
    if not any(each.groups for stratum in used for each in (stratum.base, stratum.candidate)):
        return ArmComparison(base, candidate, units, mean, math.sqrt(plain), time)
    # Values of one unit count as one independent value at least, and as all of them at most.
    least = arms[0].units * arms[1].units / (arms[0].units + arms[1].units)
    independent = max(least, time * plain / variance) if variance > 0.0 else time
    return ArmComparison(base, candidate, units, mean, math.sqrt(variance), independent, by_unit=True)


def _arm_variance(strata: Sequence[ArmSums], weights: Sequence[float], bounded: bool) -> _ArmVariance:
    """Return the variance of the mean over strata, whose weights add up to 1. Units may be in several strata."""
    plain = math.fsum(w * w * each.variance(bounded) / each.n for w, each in zip(weights, strata, strict=True))
    if not any(each.groups for each in strata):
        return _ArmVariance(plain, plain, sum(each.n for each in strata))
    of_units, units = clustered_variance(
        [(w, each.n, each.mean, each.groups) for w, each in zip(weights, strata, strict=True)]
    )
    if bounded:  # one best and one worst unit
        sizes = [calls_of_unit(each.groups) for each in strata]
        of_units += math.fsum(
            0.5 * (w * size / each.n) ** 2 for w, size, each in zip(weights, sizes, strata, strict=True)
        )
    return _ArmVariance(plain, of_units, units)


def for_few_units(errors: float, units: int) -> float:
    """Return standard errors of a t-distribution as unlikely as `errors` of a normal one (Wallace, 1959)."""
    freedom = units - 1.0
    exponent = (errors * (8.0 * freedom + 3.0) / (8.0 * freedom + 1.0)) ** 2 / freedom
    return math.sqrt(freedom * math.expm1(exponent)) if exponent < 50.0 else math.inf


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


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
