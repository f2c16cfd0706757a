"""The past, folded: what was raised for each metric of each target, and what a threshold would have cried."""

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field

from analyzer.domain.streams.sums import Sums
from ratchet_backtest.arrays import ValueColumn
from ratchet_backtest.dataset import Dataset, Order
from ratchet_backtest.replay_engine import ExecutionFact, LosingTerm, ReplayEngine, Verdict, WatchedMetric
from ratchet_backtest.threshold_rule import ThresholdRule
from ratchet_backtest.trace import MetricTrace
from shared.events.quality import RegressionDetected, RegressionResolved

RECENT = 2000
_STRIDE = 4096


@dataclass(slots=True)
class Alarm:
    """A regression, the position whose value raised it, the words of inputs that lost, and its resolution."""

    detected: RegressionDetected
    position: int
    words: tuple[LosingTerm, ...] = ()
    resolved: RegressionResolved | None = None
    resolved_position: int | None = None


@dataclass(slots=True)
class Series:
    """One metric of one target, from its first value to its last; all are positions in the order taken.

    `recent` are its latest values, at most 2,000.
    """

    target: str | None
    values: ValueColumn
    watched: WatchedMetric
    rule: ThresholdRule
    trace: MetricTrace
    recent: deque[float] = field(default_factory=lambda: deque(maxlen=RECENT))
    raised: list[Alarm] = field(default_factory=list)
    verdict: Verdict = "no data"

    @property
    def sums(self) -> Sums:
        """Of all values."""
        every = Sums()
        for point in self.trace.points:
            every.merge(point.sums)
        return every

    def take(self, position: int, value: float, version: str | None) -> None:
        self.recent.append(value)
        self.rule.take(position, value)
        self.trace.take(position, value, version)


def replay_dataset(order: Order, driver: ReplayEngine, advance: Callable[[int], None]) -> list[Series]:
    """Takes the rows in turn through the ledger; a series for each target and column of values."""
    past = order.past
    codes = past.target.codes if past.target else None
    series = [_series(order, values, driver) for values in past.values]
    for position, row in enumerate(order.rows):
        if position % _STRIDE == 0:
            advance(position)
        for values, each in zip(past.values, series, strict=True):
            value = values.found[row]
            if value == value:
                _take(order, position, each[codes[row] if codes else 0], driver, value)
    advance(len(order.rows))
    every = [one for each in series for one in each.values()]
    for one in every:
        one.verdict = _verdict(one, driver)
    return every


def _series(order: Order, values: ValueColumn, driver: ReplayEngine) -> dict[int, Series]:
    """By the target's code."""
    target, found = order.past.target, values.found
    codes = target.codes if target else None
    sizes = Counter(codes[row] if codes else 0 for row in order.rows if found[row] == found[row])
    names = target.names if target else [None]
    return {code: _empty(names[code], values, n, driver) for code, n in (sizes or {0: 0}).items()}


def _empty(target: str | None, values: ValueColumn, total: int, driver: ReplayEngine) -> Series:
    watched = driver.watch(target, values.scale.metric)
    return Series(target, values, watched, ThresholdRule(total, values.scale.metric.floor), MetricTrace(total))


def _take(order: Order, position: int, series: Series, driver: ReplayEngine, value: float) -> None:
    past, row = order.past, order.rows[position]
    version = past.version.at(row) if past.version else None
    series.take(position, value, version)
    for turn in driver.take(series.watched, version, _fact(past, row), order.at(position), value):
        if isinstance(turn, RegressionDetected):
            series.raised.append(Alarm(turn, position, driver.words(series.watched)))
        else:
            # One that came back is raised again under its id: the last one is meant.
            series.raised[-1].resolved, series.raised[-1].resolved_position = turn, position


def _fact(past: Dataset, row: int) -> ExecutionFact:
    levels = ((segment.column, segment.at(row)) for segment in past.segments)
    return ExecutionFact(
        past.execution(past.number[row]),
        past.model.at(row) if past.model else None,
        {column: level for column, level in levels if level is not None},
        past.texts.at(row) if past.texts else None,
        past.people.at(row) if past.people else None,
    )


def _verdict(series: Series, driver: ReplayEngine) -> Verdict:
    if series.raised:
        return "regressed"
    return driver.verdict(series.watched) if series.sums.n else "no data"
