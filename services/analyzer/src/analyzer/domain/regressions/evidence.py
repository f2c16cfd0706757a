"""From a finding to a regression: what fell, by how much, since when, why, and what would be its end."""

import math
from dataclasses import asdict, replace
from typing import Any

from analyzer.domain.attribution.causes import RankedCause
from analyzer.domain.attribution.contrasts import ChangePoint, compare
from analyzer.domain.attribution.losing_segments import LosingSegment, losing
from analyzer.domain.attribution.ranking import Attribution, attribute
from analyzer.domain.detection import Estimate, Finding
from analyzer.domain.detection.intervals import share_of
from analyzer.domain.dimension_history import DimensionHistory
from analyzer.domain.metrics.extraction import change_unit, moved
from analyzer.domain.model import Dimension, Metric, Reading, Use
from analyzer.domain.regressions.lifecycle import Regression, utc_from_unix
from analyzer.domain.regressions.recovery import RareEventRecovery, Recovery
from analyzer.domain.rules import WatchRules
from analyzer.domain.segments.mix_adjustment import SegmentProfile
from analyzer.domain.streams.stream import Baseline, Stream
from analyzer.domain.streams.sums import Sums
from shared.events import derived_id
from shared.events.quality import Cause, CauseKind, Losing, Measurement, RegressionDetected, Window
from shared.events.quality import Change as ChangeTold
from shared.units import format_value

SAFETY = "safety/1"
_SHOWN = 10
_GOOD = 20
_UNDATED: dict[bool, tuple[CauseKind, str]] = {
    True: ("safety", "one such value is enough"),
    False: ("unknown", "events are counted against an agreed rate: no change is dated"),
}


def open_regression(
    stream: Stream,
    finding: Finding,
    reading: Reading,
    watching: WatchRules,
    course: DimensionHistory,
    errors: DimensionHistory | None,
) -> Regression:
    """The regression that `stream` shows with `reading`: for the first time, at revision 1."""
    dimension, prompt = stream.key.line
    metric, change = reading.metric, change_of(stream, finding, reading)
    assert metric.direction != "undeclared"
    explained = with_version_switch(stream, finding, attribute_finding(finding, course, errors, change))
    detected = RegressionDetected(
        project=dimension.project,
        environment=dimension.environment,
        target=dimension.target,
        regression_id=derived_id(
            "regression", *_words_of(dimension), prompt, stream.key.identity, str(stream.sums.n), stream.cleared
        ),
        revision=1,
        metric=metric.name,
        direction=metric.direction,
        unit=metric.unit,
        change_unit="%" if metric.kind == "real" else "pp",
        window=Window(start=utc_from_unix(change.at), end=utc_from_unix(max(reading.at, change.at))),
        method=finding.method,
        alpha=0.0 if finding.method == SAFETY else watching.settings.alpha,
        floor_pp=round(to_percentage_points(watching.settings.floor, metric), 3),
        change=ChangeTold(at=utc_from_unix(change.at), low=utc_from_unix(change.low), high=utc_from_unix(change.high)),
        affected_executions=stream.worst.since(change.low),
        certain=explained.certain,
        causes=tuple(_cause(each, metric) for each in rank_causes(explained)[:_SHOWN]),
        raw_pp=_signed(explained.raw, metric),
        mix_pp=_signed(explained.mix, metric),
        losing=tuple(_losing(each, metric) for each in losing(compare(course.timeline, change))[:_SHOWN]),
        **evidence_in_units(finding, metric),
    )
    return Regression(
        detected=detected,
        use=Use(prompt, stream.key.identity),
        model=reading.facts.model,
        standard=baseline_of(stream),
        recovery=recovery_of(stream, finding, metric, watching),
        after=min(reading.at, reading.received),
        opened_at=utc_from_unix(reading.received),
        good=tuple(each for each in course.good.before(change.at, _GOOD) if each not in detected.affected_executions),
        terms=tuple(asdict(term) for term in course.terms.losing(change)[:_SHOWN]),
        generation=metric.generation,
    )


def _words_of(dimension: Dimension) -> tuple[str, ...]:
    return (*dimension.names, "mirrored") if dimension.mirrored else dimension.names


def change_of(stream: Stream, finding: Finding, reading: Reading) -> ChangePoint:
    """When it changed. Where the finding has no date, with the value that showed it."""
    since, marks = finding.since, stream.marks
    if since is None or not marks.kept:
        return ChangePoint(reading.at, reading.at, reading.at)
    return ChangePoint(marks.before(since.index), marks.before(since.low), marks.after(since.high))


def attribute_finding(
    finding: Finding, course: DimensionHistory, errors: DimensionHistory | None, change: ChangePoint
) -> Attribution:
    """The ranked causes; that it can't be told is one."""
    if finding.since is None:
        kind, evidence = _UNDATED[finding.method == SAFETY]
        return Attribution(False, (RankedCause(kind, None, None, None, 0.0, 0.0, 0.0, 0, evidence),), 0.0, 0.0, 0.0)
    return attribute(course.timeline, change, errors.timeline if errors and errors is not course else None)


def with_version_switch(stream: Stream, finding: Finding, explained: Attribution) -> Attribution:
    """Name the version where a comparison of two versions raised it, and nothing else explains it.

    Not certain: what else came with that version, and was not recorded, can't be told from it.
    """
    standard, identity = stream.standard, stream.key.identity
    declared = finding.since is not None and finding.since.index == 0
    if standard is None or standard.identity == identity or not declared or not finding.drop:
        return explained
    if any(cause.kind != "unknown" for cause in explained.causes):
        return explained
    fall, n = -finding.drop.mean, finding.after.n if finding.after else 0
    evidence = "values since it came are worse than those before it; nothing else that is recorded changed with it"
    cause = RankedCause(
        "prompt_version", stream.key.line.prompt, standard.identity, identity, fall, fall, 0.0, n, evidence
    )
    return replace(explained, certain=False, causes=(cause,))


def rank_causes(explained: Attribution) -> list[RankedCause]:
    """What explains most first; of causes that can't be told apart, the one that a person can undo here."""
    causes = list(explained.causes)
    return causes if explained.certain else sorted(causes, key=lambda cause: cause.kind != "prompt_version")


def evidence_in_units(finding: Finding, metric: Metric) -> dict[str, Any]:
    """What was measured on both sides, in the metric's own unit, and the drop between them in points."""
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
    """`bad` values where none is accepted, after those that `sums` holds."""
    n = sums.n + bad
    share = share_of(n, bad + round(sums.n * (1.0 - sums.mean)))
    now = Estimate(n, 1.0 - share.mean, 1.0 - share.high, 1.0 - share.low, share.level)
    drop = Estimate(n, share.mean, share.low, share.high, share.level)
    return Finding("regressed", SAFETY, 0.0, False, Estimate(0, 1.0, 1.0, 1.0, share.level), now, drop)


def baseline_of(stream: Stream) -> Baseline:
    """What the stream was compared with: another version, or its own values before the change."""
    if stream.standard is not None:
        return stream.standard
    return Baseline(stream.key.identity, stream.monitor.before() or [], SegmentProfile.load(stream.profile.dump()))


def recovery_of(stream: Stream, finding: Finding, metric: Metric, watching: WatchRules) -> Recovery | RareEventRecovery:
    """What would be its end: values within the floor of the baseline, or bad ones as rare as agreed."""
    reference, settings = stream.monitor.before(), watching.settings
    if finding.since is None or reference is None or finding.before is None or finding.after is None:
        return RareEventRecovery(watching.agreed, settings.minimum)
    return Recovery.of(metric.kind, settings, reference, finding.before.mean, finding.after.mean)


def to_percentage_points(drop: float, metric: Metric) -> float:
    """A drop on the metric's scale in percentage points; on a log scale, by how many per cent the amount is worse."""
    if metric.kind != "real":
        return 100.0 * drop
    return 100.0 * (-math.expm1(-drop) if metric.direction == "higher_is_better" else math.expm1(drop))


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
    """What a cause rests on, with its numbers as the metric is told."""
    if cause.was is not None:
        return f"{cause.evidence}; its mean was {format_value(metric.from_scale(cause.was), metric.unit)} before"
    if not cause.z:
        return cause.evidence
    by = f"{moved(_signed(cause.effect, metric), metric)} {change_unit(metric)}"
    fell = f"{cause.n:,} values moved by {by} against the same segments before (z {cause.z:.1f})"
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
