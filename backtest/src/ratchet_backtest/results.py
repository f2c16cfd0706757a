"""Replay of a dataset: regressions of each metric of each target, and alarms of a threshold rule."""

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field

from analyzer.domain.engine import RegressionEvent
from analyzer.domain.streams.sums import Sums
from ratchet_backtest.arrays import ValueColumn
from ratchet_backtest.columnar.column_replay import can_replay_in_columns, replay_columns
from ratchet_backtest.columnar.row_groups import Floats, Ints
from ratchet_backtest.dataset import RowOrder
from ratchet_backtest.execution_facts import fact_of_row
from ratchet_backtest.replay_engine import LosingTerm, ReplayEngine, StreamVerdict, WatchedMetric
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

    def add_all(self, positions: Ints, values: Floats, version: Callable[[int], str | None]) -> None:
        """Add all values at once; `version` returns that of a position."""
        self.recent.extend(values[-RECENT:].tolist())
        self.rule.add_all(positions, values)
        self.trace.add_all(positions, values, version)

    def add_event(self, position: int, event: RegressionEvent, words: tuple[LosingTerm, ...]) -> None:
        """Add a regression that opened, or the resolution of the latest one."""
        if isinstance(event, RegressionDetected):
            self.alarms.append(Alarm(event, position, words))
        else:
            # A reopened regression is listed again under its id: the last one is resolved.
            self.alarms[-1].resolved, self.alarms[-1].resolved_position = event, position


def replay(order: RowOrder, engine: ReplayEngine, advance: Callable[[int], None]) -> list[Series]:
    """Replay the rows in order; return a series for each target and column of values."""
    if can_replay_in_columns(order, engine):
        return _replay_columns(order, engine, advance)
    return replay_rows(order, engine, advance)


def _replay_columns(order: RowOrder, engine: ReplayEngine, advance: Callable[[int], None]) -> list[Series]:
    """Replay one metric after the other, in columns."""
    all_series = []
    for number, replayed in enumerate(replay_columns(order, engine), 1):
        rows, column = replayed.rows, order.dataset.values[replayed.column]
        series = _new_series(replayed.target, column, len(rows), engine)
        series.add_all(rows.positions, rows.values, lambda position: _version(order, position))
        for row, event, words in replayed.events():
            series.add_event(int(rows.positions[row]), event, words)
        series.verdict = "regressed" if series.alarms else replayed.verdict()
        all_series.append(series)
        advance(len(order.rows) * number // replayed.total)
    advance(len(order.rows))
    return all_series


def replay_rows(order: RowOrder, engine: ReplayEngine, advance: Callable[[int], None]) -> list[Series]:
    """Apply the rows to the engine one by one, where columns cannot be; tests compare `replay` with it."""
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


def _version(order: RowOrder, position: int) -> str | None:
    version = order.dataset.version
    return version.at(order.rows[position]) if version else None


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
    version = _version(order, position)
    series.add(position, value, version)
    fact = fact_of_row(order.dataset, order.rows[position])
    for event in engine.apply(series.watched, version, fact, order.at(position), value):
        series.add_event(position, event, engine.terms(series.watched))


def _verdict(series: Series, engine: ReplayEngine) -> StreamVerdict:
    if series.alarms:
        return "regressed"
    return engine.verdict(series.watched) if series.sums.n else "no data"
