"""The report as data, for JSON, text and HTML."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import TypeAdapter

from analyzer.domain.streams.sums import measurement
from analyzer.domain.units import ChangeUnit, change_unit, to_percentage_points
from ratchet.tables.rows import Omissions, Unit
from ratchet_backtest.column_roles import ColumnRoles
from ratchet_backtest.dataset import RowOrder
from ratchet_backtest.detectable_drop import Detectable
from ratchet_backtest.replay_engine import LosingTerm, ReplayEngine, StreamVerdict
from ratchet_backtest.results import Alarm, Series
from shared.events.quality import Measurement, RegressionDetected, RegressionResolved

SCHEMA = "ratchet.backtest/1"


@dataclass(frozen=True, slots=True)
class FileLocation:
    """A row: its position in the replayed order, its line or row in the file, and its time, if any."""

    position: int
    number: int
    time: str | None


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Omitted rows or values: reason, number, and line or row of the first."""

    reason: str
    n: int
    first: int


@dataclass(frozen=True, slots=True)
class SuggestedFix:
    """A fix for a regression that version `after` of `prompt` caused; `before` was in use until then.

    `diff` is the change to `after`. Without a fix it is empty, `kind` is None, and `why` is the reason.
    """

    prompt: str
    before: int
    after: int
    kind: Literal["restore", "rollback"] | None
    why: str
    diff: str


@dataclass(frozen=True, slots=True)
class FoundRegression:
    """A detected regression. It started at `since`, between `earliest` and `latest`.

    `event` and `resolution` are the events that the service would have emitted. `words`: input terms that got worse.
    `repair` is known if the prompts are.
    """

    detected_at: FileLocation
    since: FileLocation
    earliest: FileLocation
    latest: FileLocation
    resolved: FileLocation | None
    event: RegressionDetected
    resolution: RegressionResolved | None
    words: tuple[LosingTerm, ...]
    repair: SuggestedFix | None = None


@dataclass(frozen=True, slots=True)
class ThresholdOutcome:
    """Alarms of a simple threshold rule: all, and `unfounded` ones outside of regressions."""

    alarms: int
    unfounded: int
    locations: tuple[FileLocation, ...]


@dataclass(frozen=True, slots=True)
class ChartPoint:
    """A point of the chart: the values between two rows."""

    first: FileLocation
    last: FileLocation
    measured: Measurement
    version: str | None


@dataclass(frozen=True, slots=True)
class Result:
    """One metric of one target. `floor` is the smallest reported change, in `unit`; `description` names the scale."""

    target: str | None
    column: str
    metric: str
    description: str
    direction: str
    unit: ChangeUnit
    floor: float
    verdict: StreamVerdict
    missing: int
    left_out: tuple[LeftOut, ...]
    measured: Measurement
    falls: tuple[FoundRegression, ...]
    threshold: ThresholdOutcome
    detectable: Detectable | None
    course: tuple[ChartPoint, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """The report of a run. `shuffled`: rows were sorted by their times. `notes`: remarks about reading the source."""

    file: str
    unit: Unit
    rows: int
    left_out: tuple[LeftOut, ...]
    first: FileLocation | None
    last: FileLocation | None
    shuffled: bool
    columns: ColumnRoles
    results: tuple[Result, ...]
    notes: tuple[str, ...] = ()
    schema: str = field(default=SCHEMA)


def build_report(
    file: str,
    columns: ColumnRoles,
    order: RowOrder,
    engine: ReplayEngine,
    series: Sequence[Series],
    detectable: Sequence[Detectable | None],
    notes: tuple[str, ...] = (),
) -> Report:
    """Build the report; `detectable` has the detectable drop of each series, or None."""
    dataset, n = order.dataset, len(order.rows)
    results = [_result(each, order, engine, drop) for each, drop in zip(series, detectable, strict=True)]
    return Report(
        file=file,
        unit=dataset.unit,
        rows=n,
        left_out=_left_out(dataset.omissions),
        first=locate(order, 0) if n else None,
        last=locate(order, n - 1) if n else None,
        shuffled=order.timed and not dataset.ordered,
        columns=columns,
        results=tuple(sorted(results, key=lambda result: (result.verdict != "regressed", -result.measured.n))),
        notes=notes,
    )


def locate(order: RowOrder, position: int) -> FileLocation:
    """Return the location of a position in the replayed order."""
    time = datetime.fromtimestamp(order.at(position), UTC).isoformat(timespec="seconds") if order.timed else None
    return FileLocation(position, order.number(position), time)


def _result(series: Series, order: RowOrder, engine: ReplayEngine, drop: Detectable | None) -> Result:
    values, metric = series.values, series.watched.metric
    falls = tuple(_regression(alarm, order) for alarm in series.alarms)
    return Result(
        target=series.target,
        column=values.scale.column,
        metric=metric.name,
        description=values.scale.description,
        direction=metric.direction,
        unit=change_unit(metric),
        floor=round(to_percentage_points(engine.floor(series.watched), metric), 6),
        verdict=series.verdict,
        missing=values.missing,
        left_out=_left_out(values.omissions),
        measured=measurement(series.sums, metric),
        falls=falls,
        threshold=_threshold(series, falls, order),
        detectable=drop,
        course=tuple(
            ChartPoint(
                locate(order, point.first),
                locate(order, point.last),
                measurement(point.sums, metric),
                point.version,
            )
            for point in series.trace.points
        ),
    )


def _regression(alarm: Alarm, order: RowOrder) -> FoundRegression:
    detected = alarm.detected
    change, window = detected.change, detected.window
    since, low, high = (change.at, change.low, change.high) if change else (window.start, window.start, window.end)
    return FoundRegression(
        detected_at=locate(order, alarm.position),
        since=_location_at(order, since),
        earliest=_location_at(order, low),
        latest=_location_at(order, high),
        resolved=locate(order, alarm.resolved_position) if alarm.resolved_position is not None else None,
        event=detected,
        resolution=alarm.resolved,
        words=alarm.words,
    )


def _location_at(order: RowOrder, time: datetime) -> FileLocation:
    return locate(order, min(order.find(time.timestamp()), len(order.rows) - 1))


def _threshold(series: Series, falls: Sequence[FoundRegression], order: RowOrder) -> ThresholdOutcome:
    spans = [(fall.earliest.position, fall.resolved.position if fall.resolved else len(order.rows)) for fall in falls]
    alarms = series.rule.alarms
    founded = sum(any(since <= alarm <= until for since, until in spans) for alarm in alarms)
    return ThresholdOutcome(len(alarms), len(alarms) - founded, tuple(locate(order, alarm) for alarm in alarms[:200]))


def _left_out(omissions: Omissions) -> tuple[LeftOut, ...]:
    return tuple(LeftOut(reason, found.n, found.first) for reason, found in omissions.found.items())


def report_to_json(found: Report) -> Any:
    """Return the report as JSON types."""
    return _ADAPTER.dump_python(found, mode="json")


_ADAPTER = TypeAdapter(Report)
