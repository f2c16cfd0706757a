"""The report as plain data: what is printed as JSON, and what the text and the page are made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from pydantic import TypeAdapter

from analyzer.backtest.columns import Columns
from analyzer.backtest.detectable import Detectable
from analyzer.backtest.driving import Verdict
from analyzer.backtest.files import Unit
from analyzer.backtest.findings import Raised, Series
from analyzer.backtest.past import Order
from analyzer.backtest.troubles import Troubles
from analyzer.sums import measurement
from shared.events.quality import Cause, Measurement

SCHEMA = "ratchet.backtest/1"


@dataclass(frozen=True, slots=True)
class Place:
    """A moment of the past: its position in the order taken, its line or row in the file, its time if there is one."""

    position: int
    number: int
    time: str | None


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Rows or values that count nowhere: why, how many, and the line or row of the first."""

    reason: str
    n: int
    first: int


@dataclass(frozen=True, slots=True)
class Fall:
    """A regression that would have been raised. `since` is where the values that prove it begin.

    `event` and `resolution` are the very events that the service would have emitted.
    """

    raised: Place
    since: Place
    resolved: Place | None
    baseline: Measurement
    current: Measurement
    delta_pp: float
    causes: tuple[Cause, ...]
    event: Mapping[str, Any]
    resolution: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Threshold:
    """What the raw rule would have cried: how often, and how often while no regression was under way."""

    alarms: int
    unfounded: int
    places: tuple[Place, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """A point of the chart: the values between two places."""

    first: Place
    last: Place
    measured: Measurement
    version: str | None


@dataclass(frozen=True, slots=True)
class Result:
    """One metric of one target."""

    target: str | None
    column: str
    metric: str
    told: str
    direction: str
    floor_pp: float
    verdict: Verdict
    missing: int
    left_out: tuple[LeftOut, ...]
    measured: Measurement
    falls: tuple[Fall, ...]
    threshold: Threshold
    detectable: Detectable | None
    course: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """All that is told. `shuffled` says that the file's rows were put in the order of their times."""

    file: str
    unit: Unit
    rows: int
    left_out: tuple[LeftOut, ...]
    first: Place | None
    last: Place | None
    shuffled: bool
    columns: Columns
    results: tuple[Result, ...]
    schema: str = field(default=SCHEMA)


def report(
    file: str, columns: Columns, order: Order, series: Sequence[Series], seen: Sequence[Detectable | None]
) -> Report:
    """Puts together what was found; `seen` has what each series could have seen."""
    past, n = order.past, len(order.rows)
    results = [_result(one, order, drop) for one, drop in zip(series, seen, strict=True)]
    return Report(
        file=file,
        unit=past.unit,
        rows=n,
        left_out=_left_out(past.troubles),
        first=place(order, 0) if n else None,
        last=place(order, n - 1) if n else None,
        shuffled=order.timed and not past.ordered,
        columns=columns,
        results=tuple(sorted(results, key=lambda result: (result.verdict != "regressed", -result.measured.n))),
    )


def place(order: Order, position: int) -> Place:
    time = datetime.fromtimestamp(order.at(position), UTC).isoformat(timespec="seconds") if order.timed else None
    return Place(position, order.number(position), time)


def _result(series: Series, order: Order, drop: Detectable | None) -> Result:
    values, metric = series.values, series.watched.metric
    falls = tuple(_fall(raised, order) for raised in series.raised)
    return Result(
        target=series.target,
        column=values.scale.column,
        metric=metric.name,
        told=values.scale.told,
        direction=metric.direction,
        floor_pp=round(100.0 * metric.floor, 6),
        verdict=series.verdict,
        missing=values.missing,
        left_out=_left_out(values.troubles),
        measured=measurement(series.sums, metric),
        falls=falls,
        threshold=_threshold(series, falls, order),
        detectable=drop,
        course=tuple(
            Step(place(order, point.first), place(order, point.last), measurement(point.sums, metric), point.version)
            for point in series.trace.points
        ),
    )


def _fall(raised: Raised, order: Order) -> Fall:
    detected, resolved = raised.detected, raised.resolved
    return Fall(
        raised=place(order, raised.position),
        since=place(order, order.find(detected.window.start.timestamp())),
        resolved=place(order, raised.resolved_position) if raised.resolved_position is not None else None,
        baseline=detected.baseline,
        current=detected.current,
        delta_pp=detected.delta_pp,
        causes=detected.causes,
        event=detected.model_dump(mode="json"),
        resolution=resolved.model_dump(mode="json") if resolved else None,
    )


def _threshold(series: Series, falls: Sequence[Fall], order: Order) -> Threshold:
    spans = [(fall.since.position, fall.resolved.position if fall.resolved else len(order.rows)) for fall in falls]
    alarms = series.rule.alarms
    founded = sum(any(since <= alarm <= until for since, until in spans) for alarm in alarms)
    return Threshold(len(alarms), len(alarms) - founded, tuple(place(order, alarm) for alarm in alarms[:200]))


def _left_out(troubles: Troubles) -> tuple[LeftOut, ...]:
    return tuple(LeftOut(reason, found.n, found.first) for reason, found in troubles.found.items())


def plain(found: Report) -> Any:
    """The report as JSON types."""
    return _ADAPTER.dump_python(found, mode="json")


_ADAPTER = TypeAdapter(Report)
