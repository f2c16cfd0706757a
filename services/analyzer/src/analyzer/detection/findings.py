"""From statistics to words: regressed, holds, inconclusive, no data."""

import math

from analyzer.detection.boundary import drift_height, switch_height
from analyzer.detection.drift import EXCESS, INFLATION, SUM, VARIANCE, Drift, N, drop_score, sides
from analyzer.detection.intervals import LEVEL, drop_of, mean_of, widening
from analyzer.detection.past import BLOCK, Past
from analyzer.detection.rate import Rate
from analyzer.detection.score import growth
from analyzer.detection.switch import SOONEST, Switch
from analyzer.detection.words import Answer, Estimate, Finding, Kind, Settings, Since

SWITCH, DRIFT, RATE = "switch/2", "drift/2", "rate/2"
_TWICE = 2.0
"""A rate holds when it is shown to be below so many times the agreed one: the smallest rise that is betted on."""
_NEAR = 2.0
"""Candidates whose squared score is within twice this of the best are in the change's interval."""


def no_data(settings: Settings) -> Finding:
    return Finding("no data", DRIFT, settings.alpha, False)


def switch_finding(switch: Switch, kind: Kind, settings: Settings) -> Finding:
    """All values since the switch against the reference."""
    reference, n = switch.reference, switch.n
    if n < SOONEST:
        return Finding("no data", SWITCH, switch.alpha, False)
    spread = reference.variance * reference.inflation * max(1.0, growth(*switch.sides, switch.bounded))
    before = mean_of(reference.n, reference.raw, reference.variance * reference.inflation)
    after = mean_of(n, switch.raw / n, spread)
    width = widening(switch.blocks)
    drop = drop_of(before, after, reference.variance * reference.inflation, spread, width)
    significant = switch.score > switch_height(switch.blocks, switch.alpha)
    answer = _answer(significant, drop, min(before.n, after.n), settings)
    return Finding(answer, SWITCH, switch.alpha, significant, *_shown(kind, before, after), drop, Since(0, 0, 0))


def drift_finding(drift: Drift, found: list[float] | None, past: Past, kind: Kind, settings: Settings) -> Finding:
    """The suffix that looks worst, or (where nothing is significant) the shortest one that shows that it holds."""
    if found is not None:
        return _suffix(drift, found, past, kind, settings, True)
    enough = [point for point in drift.points if (past.n - point[N]) * BLOCK >= settings.minimum]
    for point in reversed(enough):
        finding = _suffix(drift, point, past, kind, settings, False)
        if finding.answer == "holds":
            return finding
    if not enough:
        return no_data(settings)
    worst = max(enough, key=lambda point: drop_score(point, past))
    return _suffix(drift, worst, past, kind, settings, False)


def _suffix(drift: Drift, point: list[float], past: Past, kind: Kind, settings: Settings, significant: bool) -> Finding:
    start, length = int(point[N]), int(past.n - point[N])
    variance = point[VARIANCE] * point[INFLATION]
    own = variance * max(1.0, growth(*sides(point, past), past.bounded))
    before = mean_of(start, past.origin + (point[SUM] + point[EXCESS]) / start, variance)
    after = mean_of(length, past.origin + (past.sum + past.excess - point[SUM] - point[EXCESS]) / length, own)
    width = drift_height(length, past.n / drift.start, (1.0 - LEVEL) / 2.0)
    drop = drop_of(before, after, variance, own, width)
    answer = _answer(significant, drop, min(before.n, after.n), settings)
    since = _since(drift, point, past)
    return Finding(answer, DRIFT, drift.alpha, significant, *_shown(kind, before, after), drop, since)


def _since(drift: Drift, point: list[float], past: Past) -> Since:
    """The candidates that fit nearly as well as `point`, and their neighbours."""
    scores = [drop_score(each, past) for each in drift.points]
    best = drop_score(point, past)
    near = [place for place, score in enumerate(scores) if score > 0.0 and best * best - score * score <= 2.0 * _NEAR]
    if not near:
        return Since(int(point[N]) * BLOCK, int(point[N]) * BLOCK, int(point[N]) * BLOCK)
    low = drift.points[max(near[0] - 1, 0)][N]
    high = drift.points[near[-1] + 1][N] if near[-1] + 1 < len(drift.points) else past.n
    return Since(int(point[N]) * BLOCK, int(low) * BLOCK, int(high) * BLOCK)


def _answer(significant: bool, drop: Estimate, least: int, settings: Settings) -> Answer:
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
