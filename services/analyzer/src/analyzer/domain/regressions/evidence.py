"""Create a regression from a finding: size, date, causes and the test of recovery."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from analyzer.domain.attribution.causes import RankedCause
from analyzer.domain.attribution.contrasts import ChangePoint, compare
from analyzer.domain.attribution.hypotheses import Beside
from analyzer.domain.attribution.losing_segments import LosingSegment, losing_segments
from analyzer.domain.attribution.ranking import Attribution, rank_hypotheses
from analyzer.domain.detection import Estimate, Finding
from analyzer.domain.detection.intervals import estimate_rate
from analyzer.domain.dimension_history import DimensionHistory
from analyzer.domain.model import Dimension, Metric, Reading, Use
from analyzer.domain.regressions.lifecycle import Regression, utc_from_unix
from analyzer.domain.regressions.recovery import RareEventRecovery, Recovery
from analyzer.domain.segments.mix_adjustment import SegmentProfile
from analyzer.domain.streams.stream import Baseline, Stream
from analyzer.domain.streams.sums import Sums
from analyzer.domain.units import change_unit, format_points, to_percentage_points
from analyzer.domain.watch_rules import WatchRules
from shared.events import derived_id
from shared.events.quality import Cause, CauseKind, Losing, Measurement, RegressionDetected, Window
from shared.events.quality import Change as ReportedChange
from shared.metric_format import format_value

SAFETY = "safety/1"
_MAX_LISTED = 10
_MAX_GOOD = 20
_UNDATED: dict[bool, tuple[CauseKind, str]] = {
    True: ("safety", "a rule opens a regression with one bad value"),
    False: ("unknown", "bad values are compared with an agreed rate, so no change is dated"),
}


def open_regression(
    stream: Stream,
    finding: Finding,
    reading: Reading,
    watching: WatchRules,
    history: DimensionHistory,
    beside: Beside,
) -> Regression:
    """Return the regression of `stream` that `reading` has made significant, at revision 1."""
    change = change_point(stream, finding, reading)
    explained = with_version_switch(stream, finding, attribute_finding(finding, history, beside, change))
    losing = losing_segments(compare(history.timeline, change))
    detected = _detected_event(stream, finding, reading, watching, change, explained, losing)
    return Regression(
        detected=detected,
        use=Use(stream.key.prompt_metric.prompt, stream.key.identity),
        model=reading.facts.model,
        baseline=compared_baseline(stream),
        recovery=recovery_test(stream, finding, reading.metric, watching),
        after=min(reading.at, reading.received),
        opened_at=utc_from_unix(reading.received),
        good=tuple(
            each for each in history.good.before(change.at, _MAX_GOOD) if each not in detected.affected_executions
        ),
        terms=tuple(asdict(term) for term in history.terms.find_losing_terms(change)[:_MAX_LISTED]),
        generation=reading.metric.generation,
    )


def _detected_event(
    stream: Stream,
    finding: Finding,
    reading: Reading,
    watching: WatchRules,
    change: ChangePoint,
    explained: Attribution,
    losing: Sequence[LosingSegment],
) -> RegressionDetected:
    dimension, prompt = stream.key.prompt_metric
    metric = reading.metric
    assert metric.direction != "undeclared"
    return RegressionDetected(
        project=dimension.project,
        environment=dimension.environment,
        target=dimension.target,
        regression_id=derived_id(
            "regression", *_id_parts(dimension), prompt, stream.key.identity, str(stream.sums.n), stream.cleared
        ),
        revision=1,
        metric=metric.name,
        direction=metric.direction,
        unit=metric.unit,
        change_unit=change_unit(metric),
        window=Window(start=utc_from_unix(change.at), end=utc_from_unix(max(reading.at, change.at))),
        method=finding.method,
        alpha=0.0 if finding.method == SAFETY else watching.settings.alpha,
        floor_pp=round(to_percentage_points(watching.settings.floor, metric), 3),
        change=ReportedChange(
            at=utc_from_unix(change.at), low=utc_from_unix(change.low), high=utc_from_unix(change.high)
        ),
        affected_executions=stream.worst.since(change.low),
        certain=explained.certain,
        causes=tuple(_cause(each, metric) for each in rank_causes(explained)[:_MAX_LISTED]),
        raw_pp=_signed(explained.raw, metric),
        mix_pp=_signed(explained.mix, metric),
        losing=tuple(_losing(each, metric) for each in losing[:_MAX_LISTED]),
        **evidence_in_units(finding, metric),
    )


def _id_parts(dimension: Dimension) -> tuple[str, ...]:
    return (*dimension.names, "mirrored") if dimension.mirrored else dimension.names


def change_point(stream: Stream, finding: Finding, reading: Reading) -> ChangePoint:
    """Return the time of the change; that of `reading` if the finding has no date."""
    since, time_index = finding.since, stream.time_index
    if since is None or not time_index.kept:
        return ChangePoint(reading.at, reading.at, reading.at)
    return ChangePoint(time_index.before(since.index), time_index.before(since.low), time_index.after(since.high))


def attribute_finding(finding: Finding, history: DimensionHistory, beside: Beside, change: ChangePoint) -> Attribution:
    """Return the ranked causes of a finding."""
    if finding.since is None:
        kind, evidence = _UNDATED[finding.method == SAFETY]
        return Attribution(False, (RankedCause(kind, None, None, None, 0.0, 0.0, 0.0, 0, evidence),), 0.0, 0.0, 0.0)
    return rank_hypotheses(history.timeline, change, beside)


def with_version_switch(stream: Stream, finding: Finding, explained: Attribution) -> Attribution:
    """Name the version as cause if two versions were compared and nothing else explains the regression.

    It is not certain: something that is not recorded may have changed at the same time.
    """
    baseline, identity = stream.baseline, stream.key.identity
    declared = finding.since is not None and finding.since.index == 0
    if baseline is None or baseline.identity == identity or not declared or not finding.drop:
        return explained
    if any(cause.kind != "unknown" for cause in explained.causes):
        return explained
    fall, n = -finding.drop.mean, finding.after.n if finding.after else 0
    evidence = "values since its start are worse than before; no other recorded property changed at that time"
    cause = RankedCause(
        "prompt_version", stream.key.prompt_metric.prompt, baseline.identity, identity, fall, fall, 0.0, n, evidence
    )
    return replace(explained, certain=False, causes=(cause,))


def rank_causes(explained: Attribution) -> list[RankedCause]:
    """Return the causes, most explained first; of indistinguishable ones, a prompt version first."""
    causes = list(explained.causes)
    return causes if explained.certain else sorted(causes, key=lambda cause: cause.kind != "prompt_version")


def evidence_in_units(finding: Finding, metric: Metric) -> dict[str, Any]:
    """Return both measurements in the metric's own unit and the change in points, as fields of the event."""
    assert finding.before is not None
    assert finding.after is not None
    assert finding.drop is not None
    rare, drop = finding.method.startswith("rate"), finding.drop
    return {
        "baseline": _measured(finding.before, metric, rare),
        "current": _measured(finding.after, metric, rare),
        "delta_pp": round(-to_percentage_points(drop.mean, metric), 3),
        "low_pp": round(-to_percentage_points(drop.high, metric), 3),
        "high_pp": round(-to_percentage_points(drop.low, metric), 3),
    }


def safety_finding(sums: Sums, bad: int) -> Finding:
    """Return the finding of `bad` values after those in `sums`, where no bad value is accepted."""
    n = sums.n + bad
    share = estimate_rate(n, bad + round(sums.n * (1.0 - sums.mean)))
    now = Estimate(n, 1.0 - share.mean, 1.0 - share.high, 1.0 - share.low, share.level)
    drop = Estimate(n, share.mean, share.low, share.high, share.level)
    return Finding("regressed", SAFETY, 0.0, False, Estimate(0, 1.0, 1.0, 1.0, share.level), now, drop)


def compared_baseline(stream: Stream) -> Baseline:
    """Return the baseline of the comparison: another version, or its own values before the change."""
    if stream.baseline is not None:
        return stream.baseline
    return Baseline(stream.key.identity, stream.monitor.before() or [], SegmentProfile.load(stream.profile.dump()))


def recovery_test(
    stream: Stream, finding: Finding, metric: Metric, watching: WatchRules
) -> Recovery | RareEventRecovery:
    """Return the test of recovery: a mean near the baseline, or bad values as rare as agreed."""
    reference, settings = stream.monitor.before(), watching.settings
    if finding.since is None or reference is None or finding.before is None or finding.after is None:
        return RareEventRecovery(watching.agreed, settings.minimum)
    return Recovery.from_alarm(metric.kind, settings, reference, finding.before.mean, finding.after.mean)


def _signed(change: float, metric: Metric) -> float:
    return round(-to_percentage_points(-change, metric), 3)


def _measured(estimate: Estimate, metric: Metric, rare: bool) -> Measurement:
    values = [estimate.mean, estimate.low, estimate.high]
    if rare:
        values = [1.0 - value for value in values]
    if metric.kind != "real":
        values = [min(max(value, 0.0), 1.0) for value in values]
    mean, *ends = (metric.from_scale(value) for value in values)
    return Measurement(n=estimate.n, mean=mean, low=min(ends), high=max(ends), level=estimate.level)


def _cause(cause: RankedCause, metric: Metric) -> Cause:
    since = Window(start=utc_from_unix(cause.since[0]), end=utc_from_unix(cause.since[1])) if cause.since else None
    return Cause(
        kind=cause.kind,
        name=cause.name,
        before=cause.before,
        after=cause.after,
        where=f"{cause.where[0]} {cause.where[1]}" if cause.where else None,
        explains_pp=_signed(cause.explains, metric),
        n=cause.n,
        since=since,
        evidence=_evidence(cause, metric),
    )


def _evidence(cause: RankedCause, metric: Metric) -> str:
    """Return the evidence of a cause with its numbers in reported units."""
    if cause.was is not None:
        return f"{cause.evidence}; its mean was {format_value(metric.from_scale(cause.was), metric.unit)} before"
    if not cause.z:
        return cause.evidence
    by = f"{format_points(_signed(cause.effect, metric), metric)} {change_unit(metric)}"
    fell = f"{cause.n:,} values changed by {by} compared with the same segments before (z {cause.z:.1f})"
    return f"{fell}; {cause.evidence}" if cause.evidence else fell


def _losing(segment: LosingSegment, metric: Metric) -> Losing:
    change = segment.after - segment.before
    return Losing(
        dimension=segment.dimension,
        level=segment.level,
        n=segment.n,
        delta_pp=_signed(change, metric),
        low_pp=_signed(segment.low, metric),
        high_pp=_signed(segment.high, metric),
        rest_pp=_signed(segment.rest, metric),
    )
