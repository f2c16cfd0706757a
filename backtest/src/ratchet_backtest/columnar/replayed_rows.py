"""The rows of one metric of one target, in columns and in the replayed order."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from analyzer.domain.model import Dimension, Metric, Reading, Use
from analyzer.domain.segments.dimensions import Cell
from analyzer.domain.watch_rules import Rules
from ratchet_backtest.arrays import ValueColumn
from ratchet_backtest.columnar.row_groups import Floats, Ints, RowGroups
from ratchet_backtest.dataset import RowOrder
from ratchet_backtest.execution_facts import ExecutionFact, fact_of_row


@dataclass(frozen=True, slots=True)
class MetricRows:
    """The values of one metric of one target. All columns have the same length; rows are numbered from 0.

    `positions` are those in the replayed order. `groups` is an index into `uses` and `cells`: the prompt version of a
    group, and its level of each dimension.
    """

    order: RowOrder
    dimension: Dimension
    metric: Metric
    positions: Ints
    values: Floats
    groups: Ints
    uses: list[Use]
    cells: list[Cell]

    def __len__(self) -> int:
        return len(self.positions)

    def at(self, row: int) -> float:
        """Return the Unix time of a row."""
        return self.order.at(int(self.positions[row]))

    def fact(self, row: int) -> ExecutionFact:
        """Return the facts of the execution of a row."""
        return fact_of_row(self.order.dataset, self.order.rows[int(self.positions[row])])

    def execution_id(self, row: int) -> str:
        """Return the execution id of a row."""
        return self.order.dataset.execution(self.order.number(int(self.positions[row])))

    def reading(self, row: int) -> Reading:
        """Return a row as a reading of the engine."""
        at = self.at(row)
        uses = (self.uses[int(self.groups[row])],)
        return Reading(self.dimension, self.metric, uses, self.fact(row), float(self.values[row]), None, at, at)

    def cell(self, row: int) -> Cell:
        return self.cells[int(self.groups[row])]


def split_by_target(order: RowOrder, column: ValueColumn) -> Iterator[tuple[int, Ints]]:
    """Yield the code of each target, in the order of its first value, and the positions of its values."""
    rows = np.arange(len(order.rows)) if isinstance(order.rows, range) else np.asarray(order.rows, dtype=np.int64)
    if isinstance(order.rows, range) and order.rows.step < 0:
        rows = rows[::-1]
    positions = np.flatnonzero(~np.isnan(np.frombuffer(column.found, dtype=np.float64)[rows])).astype(np.int32)
    target = order.dataset.target
    if target is None:
        yield 0, positions
        return
    codes = np.frombuffer(target.codes, dtype=np.int32)[rows[positions]]
    by_code = np.argsort(codes.astype(np.uint16), kind="stable")  # there are at most 10,000 names
    positions, codes = positions[by_code], codes[by_code]
    starts = np.flatnonzero(np.diff(codes, prepend=-1))
    ends = [*starts[1:].tolist(), len(codes)] if len(codes) else []
    found = sorted(zip(starts.tolist(), ends, strict=True), key=lambda each: int(positions[each[0]]))
    for start, end in found:
        yield int(codes[start]), positions[start:end]


def metric_rows(
    order: RowOrder,
    column: ValueColumn,
    positions: Ints,
    dimension: Dimension,
    groups: RowGroups,
    uses: list[Use],
    rules: Rules,
) -> MetricRows:
    """Return the rows at `positions` of a column of values; `uses` has the prompt version of each group."""
    rows = positions if _is_file_order(order) else np.asarray(order.rows, dtype=np.int64)[positions]
    values = np.frombuffer(column.found, dtype=np.float64)
    declared = rules.dimensions(dimension.target)
    cells = [declared.cell(ExecutionFact("", group.model, group.attributes)) for group in groups.groups]
    whole = len(positions) == len(values) and _is_file_order(order)
    return MetricRows(
        order,
        dimension,
        column.scale.metric,
        positions,
        values if whole else values[rows],
        groups.codes if whole else groups.codes[rows],
        uses,
        cells,
    )


def _is_file_order(order: RowOrder) -> bool:
    return isinstance(order.rows, range) and order.rows.step == 1
