"""Replay of a dataset: regressions of each metric of each target, and alarms of a threshold rule."""

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field

from analyzer.domain.streams.sums import Sums
from ratchet_backtest.arrays import ValueColumn
from ratchet_backtest.dataset import Dataset, RowOrder
from ratchet_backtest.replay_engine import ExecutionFact, LosingTerm, ReplayEngine, StreamVerdict, WatchedMetric
from ratchet_backtest.threshold_rule import ThresholdRule
from ratchet_backtest.trace import MetricTrace
from shared.events.quality import RegressionDetected, RegressionResolved

RECENT = 2000
_STRIDE = 4096


@dataclass(slots=True)
class Alarm:
    """A regression, the position that opened it, input terms that got worse, and its resolution."""

    detected: RegressionDetected
    position: int
    words: tuple[LosingTerm, ...] = ()
    resolved: RegressionResolved | None = None
    resolved_position: int | None = None


@dataclass(slots=True)
class Series:
    """One metric of one target, with all positions in the replayed order; `recent` has its latest 2,000 values."""

    target: str | None
    values: ValueColumn
    watched: WatchedMetric
    rule: ThresholdRule
    trace: MetricTrace
    recent: deque[float] = field(default_factory=lambda: deque(maxlen=RECENT))
    alarms: list[Alarm] = field(default_factory=list)
    verdict: StreamVerdict = "no data"

    @property
    def sums(self) -> Sums:
        """The sums of all values."""
        total = Sums()
        for point in self.trace.points:
            total.merge(point.sums)
        return total

    def add(self, position: int, value: float, version: str | None) -> None:
        self.recent.append(value)
        self.rule.add(position, value)
        self.trace.add(position, value, version)


def replay(order: RowOrder, engine: ReplayEngine, advance: Callable[[int], None]) -> list[Series]:
    """Apply the rows to the engine in order; return a series for each target and column of values."""
    dataset = order.dataset
    codes = dataset.target.codes if dataset.target else None
    series = [_series(order, values, engine) for values in dataset.values]
    for position, row in enumerate(order.rows):
        if position % _STRIDE == 0:
            advance(position)
        for values, each in zip(dataset.values, series, strict=True):
            value = values.found[row]
            if value == value:
                _apply_row(order, position, each[codes[row] if codes else 0], engine, value)
    advance(len(order.rows))
    all_series = [each for by_target in series for each in by_target.values()]
    for found in all_series:
        found.verdict = _verdict(found, engine)
    return all_series


def _series(order: RowOrder, values: ValueColumn, engine: ReplayEngine) -> dict[int, Series]:
    """Return an empty series for each target, by its code."""
    target, found = order.dataset.target, values.found
    codes = target.codes if target else None
    sizes = Counter(codes[row] if codes else 0 for row in order.rows if found[row] == found[row])
    names = target.names if target else [None]
    return {code: _new_series(names[code], values, n, engine) for code, n in (sizes or {0: 0}).items()}


def _new_series(target: str | None, values: ValueColumn, total: int, engine: ReplayEngine) -> Series:
    watched = engine.watch(target, values.scale.metric)
    return Series(target, values, watched, ThresholdRule(total, values.scale.metric.floor), MetricTrace(total))


def _apply_row(order: RowOrder, position: int, series: Series, engine: ReplayEngine, value: float) -> None:
    dataset, row = order.dataset, order.rows[position]
    version = dataset.version.at(row) if dataset.version else None
    series.add(position, value, version)
    for event in engine.apply(series.watched, version, _fact(dataset, row), order.at(position), value):
        if isinstance(event, RegressionDetected):
            series.alarms.append(Alarm(event, position, engine.words(series.watched)))
        else:
            # A reopened regression is listed again under its id: the last one is resolved.
            series.alarms[-1].resolved, series.alarms[-1].resolved_position = event, position


def _fact(dataset: Dataset, row: int) -> ExecutionFact:
    levels = ((segment.column, segment.at(row)) for segment in dataset.segments)
    return ExecutionFact(
        dataset.execution(dataset.number[row]),
        dataset.model.at(row) if dataset.model else None,
        {column: level for column, level in levels if level is not None},
        dataset.texts.at(row) if dataset.texts else None,
        dataset.people.at(row) if dataset.people else None,
    )


def _verdict(series: Series, engine: ReplayEngine) -> StreamVerdict:
    if series.alarms:
        return "regressed"
    return engine.verdict(series.watched) if series.sums.n else "no data"
