"""How the two sides of a comparison vary: what their intervals rest on."""

from analyzer.domain.detection.intervals import Law
from analyzer.domain.detection.running_stats import BLOCK
from analyzer.domain.detection.standard_error import Side
from analyzer.domain.detection.types import Kind


def variance_models(kind: Kind, before: Side, after: Side, variance: float, inflation: float) -> tuple[Law, Law]:
    """The laws of both sides; `variance` (of clipped blocks) and `inflation` are what is known of the earlier one.

    Means are of values as they are, so the variance is never less than theirs. The later side correlates as the earlier
    one does, and varies as much, or as its own values do if they vary more.
    """
    earlier = max(variance, before.spread / BLOCK) * inflation
    later = max(after.spread, 0.0) * (earlier / before.spread if before.spread > 0.0 else inflation / BLOCK)
    if kind not in ("bounded", "binary"):
        return Law(earlier), Law(max(earlier, later))
    known = _coins(earlier, before.mean)
    coins = max(known, _coins(later, after.mean))
    return _law(kind, earlier, known), _law(kind, max(earlier, later), coins)


def _coins(variance: float, mean: float) -> float:
    """How many times a coin's variance it is; 0 where the mean is no coin's."""
    return variance / (mean * (1.0 - mean)) if 0.0 < mean < 1.0 else 0.0


def _law(kind: Kind, variance: float, coins: float) -> Law:
    return Law(0.0 if kind == "binary" and coins else variance, coins)
