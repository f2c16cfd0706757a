"""Variance of both sides of a comparison, and the standardised difference of their means."""

import math
from typing import NamedTuple

from analyzer.domain.detection.running_stats import BLOCK
from analyzer.domain.detection.types import ValueKind

_OWN_SPREAD = 6.0
"""Prior weight, in blocks, of the earlier side's variance for the later side."""
_SKEW_FACTOR = 1.2
"""The skewness of a few clipped blocks is underestimated."""


class SideStats(NamedTuple):
    """One side of a comparison: number of blocks, mean, and variance of single values."""

    blocks: float
    mean: float
    spread: float


class BlockNoise(NamedTuple):
    """Block means of the earlier side: variance, long-run inflation of it, and standardised third moment."""

    variance: float
    inflation: float
    skew: float


class VarianceModel(NamedTuple):
    """Long-run variance of a block mean: `variance` or `bernoulli_ratio` * mean * (1 - mean), whichever is larger.

    The second form uses the true mean, since the variance of a bounded value depends on its distance from the bounds.
    0 means that a form is not used: unbounded values have no `bernoulli_ratio`, binary values have no `variance`.
    """

    variance: float
    bernoulli_ratio: float = 0.0


def variance_models(
    kind: ValueKind, before: SideStats, after: SideStats, variance: float, inflation: float
) -> tuple[VarianceModel, VarianceModel]:
    """Return the models of both sides; `variance` (of clipped blocks) and `inflation` are those of the earlier one.

    The variance is at least that of the unclipped values. The later side has the earlier one's correlation, and its
    variance or its own if that is larger.
    """
    earlier = max(variance, before.spread / BLOCK) * inflation
    later = max(after.spread, 0.0) * (earlier / before.spread if before.spread > 0.0 else inflation / BLOCK)
    if kind not in ("bounded", "binary"):
        return VarianceModel(earlier), VarianceModel(max(earlier, later))
    known = _bernoulli_ratio(earlier, before.mean)
    ratio = max(known, _bernoulli_ratio(later, after.mean))
    return _bounded_model(kind, earlier, known), _bounded_model(kind, max(earlier, later), ratio)


def _bernoulli_ratio(variance: float, mean: float) -> float:
    """Return `variance` over that of a Bernoulli variable of this mean; 0 if there is none of this mean."""
    return variance / (mean * (1.0 - mean)) if 0.0 < mean < 1.0 else 0.0


def _bounded_model(kind: ValueKind, variance: float, ratio: float) -> VarianceModel:
    return VarianceModel(0.0 if kind == "binary" and ratio else variance, ratio)


def standardise_drop(drop: float, before: SideStats, after: SideStats, noise: BlockNoise, bounded: bool) -> float:
    """Return `drop` over its standard error, as the Gaussian score of the same probability.

    The variance is that of the earlier blocks, at the mean of both sides under the null hypothesis, and larger if the
    later values spread more. Since it is an estimate, the score is Student's (Wallace, 1959); with harmful skew it is a
    gamma's (Wilson and Hilferty, 1931). Both are converted to a Gaussian score.
    """
    n, m = before.blocks, after.blocks
    own = max(1.0, (_OWN_SPREAD + m * variance_growth(before, after, bounded)) / (_OWN_SPREAD + m))
    mean = (n * before.mean + m * after.mean) / (n + m)
    error = math.sqrt(
        noise.inflation * noise.variance * variance_ratio(before.mean, mean, bounded) * (1.0 / n + own / m)
    )
    score = drop / error if error > 0.0 else 0.0
    if score <= 1.0:
        return score
    freedom = max(n - 1.0, 1.0)
    score = math.sqrt(freedom * math.log1p(score * score / freedom))
    third = -_SKEW_FACTOR * noise.skew * (1.0 / (m * m) - 1.0 / (n * n)) / math.pow(1.0 / m + 1.0 / n, 1.5)
    return score if third < 1e-3 else 6.0 / third * (math.cbrt(1.0 + third * score / 2.0) - 1.0) + third / 6.0


def variance_growth(before: SideStats, after: SideStats, bounded: bool) -> float:
    """Return the growth of the variance of values beyond what the move of their mean explains; 1 if not known."""
    if before.spread <= 0.0:
        return 1.0
    return after.spread / before.spread / variance_ratio(before.mean, after.mean, bounded)


def variance_ratio(before: float, after: float, bounded: bool) -> float:
    """Return the factor (1 or more) by which the variance of a bounded value grows as its mean moves."""
    if not (bounded and 0.0 < before < 1.0 and 0.0 < after < 1.0):
        return 1.0
    return max(1.0, after * (1.0 - after) / (before * (1.0 - before)))
