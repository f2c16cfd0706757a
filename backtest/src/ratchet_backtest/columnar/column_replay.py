"""Replay of a dataset in columns, one metric of one target after the other."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from analyzer.domain.attribution.losing_terms import LosingTerm
from analyzer.domain.attribution.term_sketch import TermSketch
from analyzer.domain.detection.types import StreamVerdict
from analyzer.domain.dimension_history import DimensionHistory
from analyzer.domain.engine import RegressionEvent
from analyzer.domain.metrics.extraction import ERROR_RATE
from analyzer.domain.streams.samples import ThinnedSample
from analyzer.domain.streams.sums import Sums
from ratchet_backtest.arrays import ValueColumn
from ratchet_backtest.columnar.history_rows import HistoryRows
from ratchet_backtest.columnar.metric_replay import ErrorHistory, MetricReplay
from ratchet_backtest.columnar.replayed_rows import MetricRows, metric_rows, split_by_target
from ratchet_backtest.columnar.row_groups import Ints, RowGroups
from ratchet_backtest.columnar.sampled_numbers import IndexedNumbers, ThinnedNumbers
from ratchet_backtest.columnar.timeline_rows import TimelineRows
from ratchet_backtest.dataset import RowOrder
from ratchet_backtest.replay_engine import ReplayEngine, losing_terms, overall_verdict

_MAX_VALUE = 1000.0
"""Sums of larger values would not be exact."""
_MAX_ROWS = 1 << 31
_NO_POSITIONS: Ints = np.zeros(0, dtype=np.int32)


def can_replay_in_columns(order: RowOrder, engine: ReplayEngine) -> bool:
    """Return whether times never decrease, each row is of one prompt, and sums of values are exact."""
    dataset = order.dataset
    targets = [engine.watch(name, ERROR_RATE).dimension for name in dataset.target.names] if dataset.target else []
    versions: Sequence[str | None] = dataset.version.names if dataset.version else [None]
    if len(order.rows) >= _MAX_ROWS or len(set(targets)) < len(targets):
        return False
    if any(len(engine.uses(version)) != 1 for version in versions):
        return False
    return _in_order(order) and all(map(_is_exact, dataset.values))


def _in_order(order: RowOrder) -> bool:
    if not order.timed:
        return True
    at = np.frombuffer(order.dataset.at, dtype=np.float64)
    times = at if isinstance(order.rows, range) and order.rows.step == 1 else at[np.asarray(order.rows, dtype=np.int64)]
    return bool(np.all(times[1:] >= times[:-1]))


def _is_exact(column: ValueColumn) -> bool:
    values = np.frombuffer(column.found, dtype=np.float64)
    largest = max(np.nanmax(values, initial=0.0), -np.nanmin(values, initial=0.0))
    return column.scale.metric.direction != "undeclared" and bool(largest <= _MAX_VALUE)


@dataclass(slots=True)
class ReplayedMetric:
    """One of `total` metrics of targets; `column` is the number of its column of values."""

    target: str | None
    column: int
    total: int
    rows: MetricRows
    replay: MetricReplay

    def events(self) -> Iterator[tuple[int, RegressionEvent, tuple[LosingTerm, ...]]]:
        """Yield each regression that opens or is resolved, with its row and its input terms."""
        for row, event in self.replay.events():
            assert self.replay.last is not None
            yield row, event, losing_terms(self.replay.last)

    def verdict(self) -> StreamVerdict:
        """Return the verdict of a metric without a regression."""
        return overall_verdict(stream.stream for stream in self.replay.streams) if len(self.rows) else "no data"


def replay_columns(order: RowOrder, engine: ReplayEngine) -> Iterator[ReplayedMetric]:
    """Yield a replay of each column of values and each target, to be run one after the other."""
    dataset = order.dataset
    split = [list(split_by_target(order, column)) or [(0, _NO_POSITIONS)] for column in dataset.values]
    replay = _ColumnReplay(order, engine, RowGroups.from_dataset(dataset), split)
    total = sum(map(len, split))
    for column, targets in enumerate(split):
        for code, positions in targets:
            yield ReplayedMetric(replay.target(code), column, total, *replay.metric(code, column, positions))


class _ColumnReplay:
    """What the metrics of a dataset have in common; `split` has the positions of each target, by column."""

    def __init__(
        self, order: RowOrder, engine: ReplayEngine, groups: RowGroups, split: Sequence[Sequence[tuple[int, Ints]]]
    ) -> None:
        self._order, self._engine, self._groups = order, engine, groups
        self._uses = [engine.uses(group.version)[0] for group in groups.groups]
        self._models = [group.model for group in groups.groups]
        self._thinned, self._indexed = ThinnedNumbers(), IndexedNumbers()
        self._errors: dict[int, tuple[int, Ints]] = {}
        for column, targets in enumerate(split):
            if order.dataset.values[column].scale.metric.name == ERROR_RATE.name:
                self._errors = {code: (column, positions) for code, positions in targets}

    def target(self, code: int) -> str | None:
        """Return the name of a target."""
        target = self._order.dataset.target
        return target.names[code] if target and code < len(target.names) else None

    def metric(self, code: int, column: int, positions: Ints) -> tuple[MetricRows, MetricReplay]:
        """Return the rows of a column of values of a target, and their replay."""
        rules, rows = self._engine.rules, self._rows(code, column, positions)
        declared = rules.dimensions(rows.dimension.target)
        history = HistoryRows(rows, TimelineRows(rows, declared.names), self._thinned)
        watching = rules.watching(rows.dimension, rows.metric)
        errors = self._error_history(code, column, declared.names)
        common = (rules.policy, declared, self._models, errors, self._indexed)
        return rows, MetricReplay(rows, history, watching, *common)

    def _rows(self, code: int, column: int, positions: Ints) -> MetricRows:
        values = self._order.dataset.values[column]
        dimension = self._engine.watch(self.target(code), values.scale.metric).dimension
        return metric_rows(self._order, values, positions, dimension, self._groups, self._uses, self._engine.rules)

    def _error_history(self, code: int, column: int, declared: tuple[str, ...]) -> ErrorHistory:
        """Return the history of the outcomes of a target as the values of `column` find it."""
        found = self._errors.get(code)
        if found is None or found[0] == column or not len(found[1]):
            return lambda position: None
        rows = self._rows(code, *found)
        timeline = TimelineRows(rows, declared)
        side: Literal["left", "right"] = "right" if found[0] < column else "left"  # of a row, columns go in order

        def before(position: int) -> DimensionHistory | None:
            stop = int(np.searchsorted(rows.positions, position, side))
            known = timeline.until(stop)
            return DimensionHistory(rows.dimension, known, TermSketch(), Sums(), ThinnedSample()) if stop else None

        return before
