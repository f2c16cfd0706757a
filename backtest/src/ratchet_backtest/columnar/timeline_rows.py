"""The timeline of a dimension, computed from its rows only when a regression opens."""

from dataclasses import dataclass, field

import numpy as np

from analyzer.domain.attribution.time_blocks import SCALE_FACTOR, TimeBlock
from analyzer.domain.attribution.timeline import CELLS, Timeline
from analyzer.domain.dimension_history import DimensionHistory
from analyzer.domain.segments.dimensions import NOT_GIVEN, Cell
from ratchet_backtest.columnar.replayed_rows import MetricRows
from ratchet_backtest.columnar.row_groups import Ints
from ratchet_backtest.columnar.sampled_numbers import BlockLayout

_CHUNK = 1 << 15
_VERSION = "prompt_version:"


@dataclass(slots=True)
class TimelineRows:
    """Rows of a dimension as its timeline sees them; `declared` names the dimensions that values are split by.

    Call `until` with rising rows.
    """

    rows: MetricRows
    declared: tuple[str, ...]
    _first: Ints = field(init=False)
    _layout: BlockLayout = field(default_factory=BlockLayout)
    _full: Timeline | None = None
    _full_rows: int = 0

    def __post_init__(self) -> None:
        self._first = _first_rows(self.rows.groups, len(self.rows.cells))

    def until(self, stop: int) -> Timeline:
        """Return the timeline of the rows before `stop`."""
        used = [group for group in np.argsort(self._first, kind="stable").tolist() if self._first[group] < stop]
        timeline = self._empty(used)
        cells: dict[Cell, int] = {}
        table = np.zeros(len(self.rows.cells), dtype=np.int64)
        for group in used:
            table[group] = cells.setdefault(self._cell(timeline, group), len(cells))
        if len(cells) > CELLS:
            return self._add_rows(stop)
        blocks = [self._block(table, *block) for block in self._layout.advance(stop)]
        return Timeline(timeline.names, list(cells), blocks)

    def _empty(self, used: list[int]) -> Timeline:
        """Return a timeline without values for the prompts of these groups."""
        timeline = DimensionHistory.empty(self.rows.dimension, self.declared).timeline
        for prompt in dict.fromkeys(self.rows.uses[group].prompt for group in used):
            timeline.widen(_VERSION + prompt)
        return timeline

    def _cell(self, timeline: Timeline, group: int) -> Cell:
        """Return the level of each dimension of the timeline; no row has an outcome of its own."""
        use, declared = self.rows.uses[group], self.rows.cells[group]
        rest = timeline.names[len(declared) :]
        return (*declared, *(use.identity if name == _VERSION + use.prompt else NOT_GIVEN for name in rest))

    def _block(self, table: Ints, size: int, start: int, stop: int) -> TimeBlock:
        """Return the block of the rows from `start` to `stop`; cells are in the order of their first value."""
        indices = table[self.rows.groups[start:stop]]
        scaled = np.rint(self.rows.values[start:stop] * SCALE_FACTOR).astype(np.int64)
        counts, totals = np.bincount(indices), np.bincount(indices, scaled)
        sums = {index: [int(counts[index]), int(totals[index])] for index in dict.fromkeys(indices.tolist())}
        squares = int(np.dot(scaled, scaled))
        return TimeBlock(self.rows.at(start), self.rows.at(stop - 1), stop - start, size, squares, sums)

    def _add_rows(self, stop: int) -> Timeline:
        """Return a timeline with more cells than it keeps: which of them it merges depends on every value."""
        timeline = self._full = self._full or self._empty([])
        for row in range(self._full_rows, stop):
            group = int(self.rows.groups[row])
            if (name := _VERSION + self.rows.uses[group].prompt) not in timeline.names:
                timeline.widen(name)
            timeline.add(self._cell(timeline, group), float(self.rows.values[row]), self.rows.at(row))
        self._full_rows = max(self._full_rows, stop)
        return timeline


def _first_rows(groups: Ints, count: int) -> Ints:
    """Return the first row of each group; a number beyond all rows if it has none."""
    first = np.full(count, len(groups), dtype=np.int64)
    for start in range(0, len(groups), _CHUNK):
        used, rows = np.unique(groups[start : start + _CHUNK], return_index=True)
        np.minimum.at(first, used, rows + start)
    return first
