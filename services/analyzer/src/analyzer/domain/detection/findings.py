"""From statistics to words: regressed, holds, inconclusive, no baseline yet, no data."""

import math
from typing import NamedTuple

from analyzer.domain.detection.drift import INFLATION, VARIANCE, Drift, N, Point, drop_score, sides
from analyzer.domain.detection.intervals import LEVEL, drop_of, mean_of, widening
from analyzer.domain.detection.rate import Rate
from analyzer.domain.detection.running_stats import BLOCK, RunningStats
from analyzer.domain.detection.switch import SOONEST, Switch
from analyzer.domain.detection.thresholds import drift_height, switch_height
from analyzer.domain.detection.types import Answer, Estimate, Finding, Kind, Settings, Since
from analyzer.domain.detection.variance import variance_models

SWITCH, DRIFT, RATE = "switch/2", "drift/2", "rate/2"
_TWICE = 2.0
"""A rate holds when it is shown to be below so many times the agreed one: the smallest rise that is betted on."""
_NEAR = 2.0
"""Candidates whose squared score is within twice this of the best are in the change's interval."""


def nothing_yet(n: int, settings: Settings) -> Finding:
    """Without another version, and without a past of its own that is long enough, `n` values say nothing."""
    return Finding("no baseline yet" if n else "no data", DRIFT, settings.alpha, False)


def switch_finding(switch: Switch, kind: Kind, settings: Settings) -> Finding:
    """All values since the switch against the reference."""
    reference, n = switch.reference, switch.n
    if n < SOONEST:
        return Finding("inconclusive", SWITCH, switch.alpha, False)
    earlier, later = variance_models(kind, *switch.sides, reference.variance, reference.inflation)

    def at(width: float) -> tuple[Estimate, Estimate]:
        return mean_of(reference.n, reference.raw, earlier, width), mean_of(n, switch.raw / n, later, width)

    drop = drop_of(*at(widening(switch.blocks)))
    found = Sides(at(widening(reference.n))[0], at(widening(n))[1], drop)
    significant = switch.score > switch_height(switch.blocks, switch.alpha)
    answer = _answer(significant, found, settings)
    shown = _shown(kind, found.before, found.after)
    return Finding(answer, SWITCH, switch.alpha, significant, *shown, drop, Since(0, 0, 0))


def drift_finding(drift: Drift, found: Point | None, past: RunningStats, kind: Kind, settings: Settings) -> Finding:
    """The suffix that looks worst, or (where nothing is significant) the shortest one that shows that it holds."""
    if found is not None:
        return _told(drift, found, past, _suffix(drift, found, past, kind), kind, settings, True)
    enough = [point for point in drift.points if (past.n - point[N]) * BLOCK >= settings.minimum]
    if not enough:
        return nothing_yet(int(past.n) * BLOCK, settings)
    for point in reversed(enough):
        suffix = _suffix(drift, point, past, kind)
        if _answer(False, suffix, settings) == "holds":
            return _told(drift, point, past, suffix, kind, settings, False)
    worst = max(enough, key=lambda point: drop_score(point, past))
    return _told(drift, worst, past, _suffix(drift, worst, past, kind), kind, settings, False)


class Sides(NamedTuple):
    """Both sides of a comparison, and the drop between them; unbounded by what values can be."""

    before: Estimate
    after: Estimate
    drop: Estimate


def _suffix(drift: Drift, point: Point, past: RunningStats, kind: Kind) -> Sides:
    first, then = sides(point, past)
    earlier, later = variance_models(kind, first, then, point[VARIANCE], point[INFLATION])
    # The point was chosen by what came after it, so each side must hold for all points that might have been.
    width = drift_height(then.blocks, past.n / drift.start, (1.0 - LEVEL) / 2.0)
    before = mean_of(int(first.blocks), first.mean, earlier, width)
    after = mean_of(int(then.blocks), then.mean, later, width)
    return Sides(before, after, drop_of(before, after))


def _told(
    drift: Drift, point: Point, past: RunningStats, found: Sides, kind: Kind, settings: Settings, significant: bool
) -> Finding:
    shown = _shown(kind, found.before, found.after)
    answer = _answer(significant, found, settings)
    return Finding(answer, DRIFT, drift.alpha, significant, *shown, found.drop, _since(drift, point, past))


def _since(drift: Drift, point: Point, past: RunningStats) -> Since:
    """The candidates that fit nearly as well as `point`, and their neighbours."""
    scores = [drop_score(each, past) for each in drift.points]
    best = drop_score(point, past)
    near = [place for place, score in enumerate(scores) if score > 0.0 and best * best - score * score <= 2.0 * _NEAR]
    if not near:
        return Since(int(point[N]) * BLOCK, int(point[N]) * BLOCK, int(point[N]) * BLOCK)
    low = drift.points[max(near[0] - 1, 0)][N]
    high = drift.points[near[-1] + 1][N] if near[-1] + 1 < len(drift.points) else past.n
    return Since(int(point[N]) * BLOCK, int(low) * BLOCK, int(high) * BLOCK)


def _answer(significant: bool, found: Sides, settings: Settings) -> Answer:
    drop, least = found.drop, min(found.before.n, found.after.n)
    if least < settings.minimum:
        return "no data" if least == 0 else "inconclusive"
    # Nobody should read of a regression whose interval holds "no change".
    if significant and drop.low > 0.0 and drop.mean >= settings.floor:
        return "regressed"
    return "holds" if drop.high < settings.floor else "inconclusive"


def _shown(kind: Kind, before: Estimate, after: Estimate) -> tuple[Estimate, Estimate]:
    """Means in the values' own unit."""
    if kind in ("bounded", "binary"):
        return _cut(before), _cut(after)
    if kind == "positive":
        return _exp(before), _exp(after)
    return before, after


def _cut(of: Estimate) -> Estimate:
    return Estimate(of.n, of.mean, max(0.0, of.low), min(1.0, of.high), of.level)


def _exp(of: Estimate) -> Estimate:
    return Estimate(of.n, math.exp(-of.mean), math.exp(-of.high), math.exp(-of.low), of.level)


def rate_finding(rate: Rate, settings: Settings) -> Finding:
    """Against an agreed rate, which is exact: it has no interval."""
    if rate.n == 0:
        return Finding("no data", RATE, rate.alpha, False)
    seen = rate.estimate()
    agreed = Estimate(0, rate.agreed, rate.agreed, rate.agreed, LEVEL)
    rise = Estimate(rate.n, seen.mean - rate.agreed, seen.low - rate.agreed, seen.high - rate.agreed, LEVEL)
    within: Answer = "holds" if seen.high <= _TWICE * rate.agreed else "inconclusive"
    answer: Answer = "regressed" if rate.significant else within
    return Finding(answer, RATE, rate.alpha, rate.significant, agreed, seen, rise)
