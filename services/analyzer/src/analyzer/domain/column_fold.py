"""Fold of columns of values into an engine: the same state and decisions as reading by reading, for less work.

A stretch of values (`StretchFinder`) is folded at once up to the value that opens or resolves a regression. Readings
between stretches go through `QualityEngine.apply`. Regressions are opened in the order of their readings, because the
errors before each of them explain it.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from heapq import merge
from itertools import chain
from operator import itemgetter
from typing import TypeVar

from analyzer.domain.attribution.input_words import Words, words_in
from analyzer.domain.engine import QualityEngine, RegressionEvent
from analyzer.domain.metrics.extraction import ERROR_RATE
from analyzer.domain.model import Dimension
from analyzer.domain.regressions.lifecycle import recover_until
from analyzer.domain.segments.dimensions import Cell
from analyzer.domain.streams.stream import Stream
from analyzer.domain.streams.stream_run import StreamRun
from analyzer.domain.streams.sums import to_micros
from analyzer.domain.stretch_end import IndexedRun, StretchEnd, close_blocks
from analyzer.domain.stretches import StretchFinder
from analyzer.domain.value_columns import ValueColumns
from analyzer.domain.watch_rules import WatchRules
from shared.metric_catalog import JUDGE_ANCHORS

PositionedEvent = tuple[int, RegressionEvent]
"""The position of the reading that opened or resolved a regression, and the event."""
T = TypeVar("T")
_LONGEST = 4096
_CACHED_TEXTS = 4096
_SHORTEST = 3
"""Fewer values than this are applied one by one."""


def fold_columns(engine: QualityEngine, batch: Iterable[ValueColumns]) -> list[PositionedEvent]:
    """Fold columns of different dimensions; return the events in the order of their readings.

    The state is the one that `engine.apply` leaves if it is called with each reading in the order of positions.
    """
    columns = sorted((each for each in batch if each.positions), key=lambda each: each.positions[0])
    subjects = Counter(each.dimension.subject for each in columns)
    if any(subjects[each.dimension.subject] > 1 and each.metric.direction != "undeclared" for each in columns):
        return _apply_all(engine, columns)
    folds: dict[Dimension, ColumnFold] = {}
    words_of = lru_cache(_CACHED_TEXTS)(words_in.__wrapped__)  # the metrics of an execution have its input in common
    folds.update((each.dimension, ColumnFold(engine, each, folds, words_of)) for each in columns)
    try:
        _fold_all(folds)
    finally:
        engine.before_reading = _ignore
    return sorted(chain.from_iterable(fold.events for fold in folds.values()), key=itemgetter(0))


def _fold_all(folds: Mapping[Dimension, "ColumnFold"]) -> None:
    """Fold everything: errors and anchors as far as a decision reads them, and the rest of them last."""
    errors = [fold for dimension, fold in folds.items() if _is_beside(dimension)]
    others = [fold for dimension, fold in folds.items() if not _is_beside(dimension)]
    for _ in merge(*(fold.steps(fold.end) for fold in others)):
        pass  # each step is taken when it is the earliest
    for fold in errors:
        fold.advance(fold.end)


def _is_beside(dimension: Dimension) -> bool:
    """Return whether the values of other metrics may be explained by those of this one."""
    return dimension.metric == ERROR_RATE.name or dimension.metric.startswith(JUDGE_ANCHORS)


def _ignore(dimension: Dimension) -> None:
    pass


def _apply_all(engine: QualityEngine, batch: Sequence[ValueColumns]) -> list[PositionedEvent]:
    """Apply the readings one by one: dimensions that share their regressions decide for one another."""
    rows = sorted(
        ((position, each, index) for each in batch for index, position in enumerate(each.positions)), key=itemgetter(0)
    )
    return [(position, event) for position, each, index in rows for event in engine.apply(each.reading(index))]


@dataclass(slots=True)
class ColumnFold:
    """Folds the columns of one dimension from `next` on; `folds` has those of the whole batch."""

    engine: QualityEngine
    columns: ValueColumns
    folds: Mapping[Dimension, "ColumnFold"]
    words_of: Callable[[str], Words]
    next: int = 0
    events: list[PositionedEvent] = field(default_factory=list)
    _watching: WatchRules = field(init=False)
    _stretches: StretchFinder = field(init=False)

    def __post_init__(self) -> None:
        columns = self.columns
        self._watching = self.engine.rules.watching(columns.dimension, columns.metric)
        self._stretches = StretchFinder(self.engine, columns)
        self.engine.metrics[columns.dimension] = columns.metric

    @property
    def end(self) -> int:
        """The position after the last reading."""
        return self.columns.positions[-1] + 1

    def advance(self, position: int) -> None:
        """Fold the readings before `position`."""
        for _ in self.steps(position):
            pass

    def steps(self, position: int) -> Iterator[int]:
        """Fold the readings before `position`; yield the position of one that may open a regression before it does."""
        positions = self.columns.positions
        end = bisect_left(positions, position, lo=self.next)
        while self.next < end:
            stop = self._stretches.undecided_until(self.next, min(end, self.next + _LONGEST))
            if stop - self.next < _SHORTEST:
                for _ in range(max(stop - self.next, 1)):
                    yield positions[self.next]
                    self._apply()
            elif (decision := self._fold(stop)).streams:
                yield positions[self.next - 1]
                self._open(decision)

    def _apply(self) -> None:
        """Apply one reading as the engine does."""
        index, self.next = self.next, self.next + 1
        self.engine.before_reading = self._bring_up_to_date
        self._report(index, self.engine.apply(self.columns.reading(index)))

    def _report(self, index: int, events: Iterable[RegressionEvent]) -> None:
        self.events += [(self.columns.positions[index], event) for event in events]

    def _bring_up_to_date(self, dimension: Dimension) -> None:
        """Fold another dimension up to the latest reading of this one."""
        fold = self.folds.get(dimension)
        if fold is not None and fold is not self:
            fold.advance(self.columns.positions[self.next - 1])

    def _fold(self, stop: int) -> StretchEnd:
        """Fold values up to `stop`, or up to one that may open or that resolves a regression. Return where and why."""
        columns, start = self.columns, self.next
        last = self.engine.last_regression(columns.dimension, columns.metric)
        recovering = last if last is not None and last.open else None
        runs = [
            (StreamRun(stream, *self._of_run(indices)), indices)
            for stream, indices in self._stretches.split(start, stop)
        ]
        if recovering is not None:
            self.engine.changed_regressions[columns.dimension.subject] = recovering
            stop = recover_until(recovering, columns, start, stop)
            decision = StretchEnd(close_blocks(runs, stop))
        elif columns.metric.direction == "undeclared":
            decision = StretchEnd(close_blocks(runs, stop))
        else:
            decision = self._decide(runs, stop)
        self._fold_runs(runs, decision)
        self.next = stop = decision.stop
        if recovering is not None and recovering.resolved is not None:
            self.engine.clear_regressed(columns.dimension, columns.groups[columns.group[stop - 1]].uses, recovering)
            self._report(stop - 1, [recovering.resolved])
        return decision

    def _of_run(self, indices: Sequence[int]) -> tuple[dict[int, Cell], Sequence[int], Sequence[float]]:
        """Return cells, their numbers, and values."""
        numbers = _picked(self.columns.group, indices)
        return self._stretches.cells(numbers), numbers, _picked(self.columns.values, indices)

    def _decide(self, runs: Sequence[IndexedRun], stop: int) -> StretchEnd:
        """Close blocks up to the first value that may open a regression."""
        values = self.columns.values
        unsafe: int | None = None
        if self._watching.safety:
            unsafe = next((index for index in range(self.next, stop) if values[index] < 0.5), None)
            stop = stop if unsafe is None else unsafe + 1
        streams: list[Stream] = []
        stop = close_blocks(runs, stop, streams)
        if unsafe == stop - 1:
            return StretchEnd(stop, [run.stream for run, indices in runs if unsafe in indices], True)
        return StretchEnd(stop, streams)

    def _fold_runs(self, runs: Sequence[IndexedRun], decision: StretchEnd) -> None:
        """Fold the values before `decision.stop`; the last one is not counted yet if it needs a decision."""
        engine, columns, start, stop = self.engine, self.columns, self.next, decision.stop
        names = engine.rules.dimensions(columns.dimension.target).names
        micros = to_micros(columns.values[start:stop])
        dimension_means = engine.touch_history(columns.dimension, names).add_many(columns, micros, start, self.words_of)
        for run, indices in runs:
            own = indices[: bisect_left(indices, stop)]
            if own:
                engine.changed[run.stream.key] = run.stream
                run_micros = _picked(micros, own, start)
                at, received = _picked(columns.at, own), _picked(columns.received, own)
                run.fold(run_micros, at, _picked(dimension_means, own, start), self._execution_ids(own))
                counted = len(own) - (1 if decision.streams and own[-1] == stop - 1 else 0)
                run.stream.count_many(run_micros[:counted], at[:counted], received[:counted])

    def _execution_ids(self, indices: Sequence[int]) -> Callable[[int], str]:
        facts = self.columns.facts
        return lambda index: facts[indices[index]].execution_id

    def _open(self, decision: StretchEnd) -> None:
        """Decide on the latest value for each of its prompts, and count it."""
        engine, index = self.engine, self.next - 1
        reading = self.columns.reading(index)
        engine.before_reading = self._bring_up_to_date
        for key in self._stretches.keys_of(self.columns.group[index]):
            stream = engine.streams[key]
            last = engine.last_regression(reading.dimension, reading.metric)
            if any(stream is each for each in decision.streams) and not (last is not None and last.open):
                self._report(index, engine.decide(stream, decision.unsafe, reading, self._watching))
            stream.count(reading)


def _picked(column: Sequence[T], indices: Sequence[int], first: int = 0) -> Sequence[T]:
    """Return the values of a column that begins with index `first`."""
    if isinstance(indices, range):
        return column[indices.start - first : indices.stop - first]
    return [column[index - first] for index in indices]
