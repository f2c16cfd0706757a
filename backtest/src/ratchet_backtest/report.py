"""The report as plain data: what is printed as JSON, and what the text and the page are made of."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import TypeAdapter

from analyzer.domain.streams.sums import measurement
from ratchet.tables.rows import Omissions, Unit
from ratchet_backtest.columns import Columns
from ratchet_backtest.dataset import Order
from ratchet_backtest.detectable_drop import Detectable
from ratchet_backtest.replay_engine import LosingTerm, ReplayEngine, Verdict, to_percentage_points
from ratchet_backtest.results import Alarm, Series
from shared.events.quality import Measurement, RegressionDetected, RegressionResolved

SCHEMA = "ratchet.backtest/1"
PointsUnit = Literal["pp", "%"]
"""What changes are told in: points of the scale ×100; for latency and cost per cent of the baseline."""


@dataclass(frozen=True, slots=True)
class FileLocation:
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
class Repair:
    """What would put a fall back that version `after` of `prompt` brought, where `before` had been in use.

    `diff` changes `after` into what it should be; it is empty, and `kind` None, where `why` tells why there is none.
    """

    prompt: str
    before: int
    after: int
    kind: Literal["restore", "rollback"] | None
    why: str
    diff: str


@dataclass(frozen=True, slots=True)
class Fall:
    """A regression that would have been raised. It began at `since`, and not before `earliest` or after `latest`.

    `event` and `resolution` are what the service would have emitted. `words` are those of inputs that lost most.
    `repair` is known where the prompts are.
    """

    raised: FileLocation
    since: FileLocation
    earliest: FileLocation
    latest: FileLocation
    resolved: FileLocation | None
    event: RegressionDetected
    resolution: RegressionResolved | None
    words: tuple[LosingTerm, ...]
    repair: Repair | None = None


@dataclass(frozen=True, slots=True)
class Threshold:
    """What the raw rule would have cried: how often, and how often while no regression was under way."""

    alarms: int
    unfounded: int
    places: tuple[FileLocation, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """A point of the chart: the values between two places."""

    first: FileLocation
    last: FileLocation
    measured: Measurement
    version: str | None


@dataclass(frozen=True, slots=True)
class Result:
    """One metric of one target. `floor` is the smallest change that is raised, in `unit`."""

    target: str | None
    column: str
    metric: str
    told: str
    direction: str
    unit: PointsUnit
    floor: float
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
    """All that is told. `shuffled` says that the file's rows were put in the order of their times.

    `notes` tell of what was left out before there were rows.
    """

    file: str
    unit: Unit
    rows: int
    left_out: tuple[LeftOut, ...]
    first: FileLocation | None
    last: FileLocation | None
    shuffled: bool
    columns: Columns
    results: tuple[Result, ...]
    notes: tuple[str, ...] = ()
    schema: str = field(default=SCHEMA)


def report(
    file: str,
    columns: Columns,
    order: Order,
    driver: ReplayEngine,
    series: Sequence[Series],
    seen: Sequence[Detectable | None],
    notes: tuple[str, ...] = (),
) -> Report:
    """Puts together what was found; `seen` has what each series could have seen."""
    past, n = order.past, len(order.rows)
    results = [_result(one, order, driver, drop) for one, drop in zip(series, seen, strict=True)]
    return Report(
        file=file,
        unit=past.unit,
        rows=n,
        left_out=_left_out(past.omissions),
        first=place(order, 0) if n else None,
        last=place(order, n - 1) if n else None,
        shuffled=order.timed and not past.ordered,
        columns=columns,
        results=tuple(sorted(results, key=lambda result: (result.verdict != "regressed", -result.measured.n))),
        notes=notes,
    )


def place(order: Order, position: int) -> FileLocation:
    time = datetime.fromtimestamp(order.at(position), UTC).isoformat(timespec="seconds") if order.timed else None
    return FileLocation(position, order.number(position), time)


def _result(series: Series, order: Order, driver: ReplayEngine, drop: Detectable | None) -> Result:
    values, metric = series.values, series.watched.metric
    falls = tuple(_fall(raised, order) for raised in series.raised)
    return Result(
        target=series.target,
        column=values.scale.column,
        metric=metric.name,
        told=values.scale.told,
        direction=metric.direction,
        unit="%" if metric.kind == "real" else "pp",
        floor=round(to_percentage_points(driver.floor(series.watched), metric), 6),
        verdict=series.verdict,
        missing=values.missing,
        left_out=_left_out(values.omissions),
        measured=measurement(series.sums, metric),
        falls=falls,
        threshold=_threshold(series, falls, order),
        detectable=drop,
        course=tuple(
            Step(place(order, point.first), place(order, point.last), measurement(point.sums, metric), point.version)
            for point in series.trace.points
        ),
    )


def _fall(raised: Alarm, order: Order) -> Fall:
    detected = raised.detected
    change, window = detected.change, detected.window
    since, low, high = (change.at, change.low, change.high) if change else (window.start, window.start, window.end)
    return Fall(
        raised=place(order, raised.position),
        since=_near(order, since),
        earliest=_near(order, low),
        latest=_near(order, high),
        resolved=place(order, raised.resolved_position) if raised.resolved_position is not None else None,
        event=detected,
        resolution=raised.resolved,
        words=raised.words,
    )


def _near(order: Order, time: datetime) -> FileLocation:
    return place(order, min(order.find(time.timestamp()), len(order.rows) - 1))


def _threshold(series: Series, falls: Sequence[Fall], order: Order) -> Threshold:
    spans = [(fall.earliest.position, fall.resolved.position if fall.resolved else len(order.rows)) for fall in falls]
    alarms = series.rule.alarms
    founded = sum(any(since <= alarm <= until for since, until in spans) for alarm in alarms)
    return Threshold(len(alarms), len(alarms) - founded, tuple(place(order, alarm) for alarm in alarms[:200]))


def _left_out(omissions: Omissions) -> tuple[LeftOut, ...]:
    return tuple(LeftOut(reason, found.n, found.first) for reason, found in omissions.found.items())


def plain(found: Report) -> Any:
    """The report as JSON types."""
    return _ADAPTER.dump_python(found, mode="json")


_ADAPTER = TypeAdapter(Report)
