"""Findings from test statistics: regressed, holds, inconclusive, no baseline yet, no data."""

import math
from typing import NamedTuple

from analyzer.domain.detection.change_point_scan import (
    INFLATION,
    VARIANCE,
    ChangeCandidate,
    DriftScan,
    N,
    drop_score,
    sides,
)
from analyzer.domain.detection.intervals import LEVEL, estimate_drop, estimate_mean, widening
from analyzer.domain.detection.rare_event_detector import RareEventTest
from analyzer.domain.detection.running_stats import BLOCK, RunningStats
from analyzer.domain.detection.switch_comparison import FIRST_LOOK, SwitchTest
from analyzer.domain.detection.thresholds import drift_height, switch_height
from analyzer.domain.detection.types import (
    ChangeInterval,
    DetectionSettings,
    Estimate,
    Finding,
    StreamVerdict,
    ValueKind,
)
from analyzer.domain.detection.variance import variance_models

SWITCH, DRIFT, RATE = "switch/2", "drift/2", "rate/2"
_TWICE = 2.0
"""A rate holds if it is shown to be below this multiple of the agreed one, the smallest rise that is tested."""
_BEFORE_FIRST = 0.75
"""Part of the values before the first candidate that is taken to lie before the change."""
_NEAR = 2.0
"""Candidates whose squared score is within twice this of the best belong to the interval of the change."""


def no_finding(n: int, settings: DetectionSettings) -> Finding:
    """Return the finding of `n` values that have nothing to be compared with."""
    return Finding("no baseline yet" if n else "no data", DRIFT, settings.alpha, False)


def switch_finding(switch: SwitchTest, kind: ValueKind, settings: DetectionSettings) -> Finding:
    """Return the finding of all values since the switch against the reference."""
    reference, n = switch.reference, switch.n
    if n < FIRST_LOOK:
        return Finding("inconclusive", SWITCH, switch.alpha, False)
    earlier, later = variance_models(kind, *switch.sides, reference.variance, reference.inflation)

    def at(width: float) -> tuple[Estimate, Estimate]:
        return estimate_mean(reference.n, reference.raw, earlier, width), estimate_mean(n, switch.raw / n, later, width)

    drop = estimate_drop(*at(widening(switch.blocks)))
    found = ComparedMeans(at(widening(reference.n))[0], at(widening(n))[1], drop)
    significant = switch.score > switch_height(switch.blocks, switch.alpha)
    answer = _answer(significant, found, settings)
    converted = _in_value_unit(kind, found.before, found.after)
    return Finding(answer, SWITCH, switch.alpha, significant, *converted, drop, ChangeInterval(0, 0, 0))


def drift_finding(
    drift: DriftScan, found: ChangeCandidate | None, stats: RunningStats, kind: ValueKind, settings: DetectionSettings
) -> Finding:
    """Return the finding of the most significant suffix; if none is, of the shortest one that holds."""
    if found is not None:
        return _drift_result(drift, found, stats, _suffix(drift, found, stats, kind), kind, settings, True)
    enough = [point for point in drift.points if (stats.n - point[N]) * BLOCK >= settings.minimum]
    if not enough:
        return no_finding(int(stats.n) * BLOCK, settings)
    for point in reversed(enough):
        suffix = _suffix(drift, point, stats, kind)
        if _answer(False, suffix, settings) == "holds":
            return _drift_result(drift, point, stats, suffix, kind, settings, False)
    worst = max(enough, key=lambda point: drop_score(point, stats))
    return _drift_result(drift, worst, stats, _suffix(drift, worst, stats, kind), kind, settings, False)


class ComparedMeans(NamedTuple):
    """Estimates of both sides of a comparison and of the drop; not clipped to the range of values."""

    before: Estimate
    after: Estimate
    drop: Estimate


def _suffix(drift: DriftScan, point: ChangeCandidate, stats: RunningStats, kind: ValueKind) -> ComparedMeans:
    first, then = sides(point, stats)
    earlier, later = variance_models(kind, first, then, point[VARIANCE], point[INFLATION])
    # The candidate was selected by the values after it, so each interval must hold for all candidates.
    width = drift_height(then.blocks, stats.n / drift.start, (1.0 - LEVEL) / 2.0)
    before = estimate_mean(int(first.blocks), first.mean, earlier, width)
    after = estimate_mean(int(then.blocks), then.mean, later, width)
    return ComparedMeans(before, after, estimate_drop(before, after))


def _drift_result(
    drift: DriftScan,
    point: ChangeCandidate,
    stats: RunningStats,
    found: ComparedMeans,
    kind: ValueKind,
    settings: DetectionSettings,
    significant: bool,
) -> Finding:
    converted = _in_value_unit(kind, found.before, found.after)
    answer = _answer(significant, found, settings)
    return Finding(answer, DRIFT, drift.alpha, significant, *converted, found.drop, _since(drift, point, stats))


def _since(drift: DriftScan, point: ChangeCandidate, stats: RunningStats) -> ChangeInterval:
    """Return the interval of candidates that fit nearly as well as `point`, with their neighbours.

    The first candidate has no earlier one: a change shortly before the scan began fits it best, too.
    """
    scores = [drop_score(each, stats) for each in drift.points]
    best = drop_score(point, stats)
    near = [index for index, score in enumerate(scores) if score > 0.0 and best * best - score * score <= 2.0 * _NEAR]
    if not near:
        return ChangeInterval(int(point[N]) * BLOCK, int(point[N]) * BLOCK, int(point[N]) * BLOCK)
    low = drift.points[near[0] - 1][N] if near[0] else _BEFORE_FIRST * drift.points[0][N]
    high = drift.points[near[-1] + 1][N] if near[-1] + 1 < len(drift.points) else stats.n
    return ChangeInterval(int(point[N]) * BLOCK, int(low) * BLOCK, int(high) * BLOCK)


def _answer(significant: bool, found: ComparedMeans, settings: DetectionSettings) -> StreamVerdict:
    drop, least = found.drop, min(found.before.n, found.after.n)
    if least < settings.minimum:
        return "no data" if least == 0 else "inconclusive"
    # A regression whose interval contains "no change" must not be reported.
    if significant and drop.low > 0.0 and drop.mean >= settings.floor:
        return "regressed"
    return "holds" if drop.high < settings.floor else "inconclusive"


def _in_value_unit(kind: ValueKind, before: Estimate, after: Estimate) -> tuple[Estimate, Estimate]:
    """Return both means in the unit of the values."""
    if kind in ("bounded", "binary"):
        return _clip(before), _clip(after)
    if kind == "positive":
        return _exp(before), _exp(after)
    return before, after


def _clip(found: Estimate) -> Estimate:
    return Estimate(found.n, found.mean, max(0.0, found.low), min(1.0, found.high), found.level)


def _exp(found: Estimate) -> Estimate:
    return Estimate(found.n, math.exp(-found.mean), math.exp(-found.high), math.exp(-found.low), found.level)


def rate_finding(rate: RareEventTest, settings: DetectionSettings) -> Finding:
    """Return the finding of a test against an agreed rate, which is exact and has no interval."""
    if rate.n == 0:
        return Finding("no data", RATE, rate.alpha, False)
    seen = rate.estimate()
    agreed = Estimate(0, rate.agreed, rate.agreed, rate.agreed, LEVEL)
    rise = Estimate(rate.n, seen.mean - rate.agreed, seen.low - rate.agreed, seen.high - rate.agreed, LEVEL)
    within: StreamVerdict = "holds" if seen.high <= _TWICE * rate.agreed else "inconclusive"
    answer: StreamVerdict = "regressed" if rate.significant else within
    return Finding(answer, RATE, rate.alpha, rate.significant, agreed, seen, rise)
