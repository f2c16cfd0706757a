"""Values of one metric of one target by cell and time, to compare before and after any time, in constant size.

Values are in successive blocks of 25. The latest five blocks of each size are kept; older ones are merged in pairs, so
a block is never longer than a third of its age. About 8,000 values are kept.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from operator import le, mul
from typing import Any

from analyzer.domain.attribution.time_blocks import SCALE_FACTOR, TimeBlock, append_block
from analyzer.domain.segments.dimensions import FORGOTTEN, NOT_GIVEN, OTHER, SYSTEM, Cell, Level

BLOCK = 25
ALIKE = 5
SIZES = 6
CELLS = 256
ROOM = 192
"""Number of cells that remain when all 256 are used."""
BLURRED = 32
"""Minimum number of them for small cells, whose traffic levels are not kept."""
FINE_BLOCK = 2
"""Block of rare values, such as those of anchors: a change must not be hidden within one."""
LEVELS = 16
NAMES = 24


@dataclass(slots=True)
class Timeline:
    """Blocks of values by cell. `names` are the cells' dimensions: the declared ones, `outcome` where wanted, and
    `prompt_version:<prompt>` for each prompt. `block`: values of a block, before blocks are merged.

    More is better. Times are Unix times by the app's clock. The smallest levels of a dimension with too many of them
    are merged as "other" (None).
    """

    names: tuple[str, ...]
    cells: list[Cell] = field(default_factory=list)
    blocks: list[TimeBlock] = field(default_factory=list)
    block: int = BLOCK
    _indices: dict[Cell, int] = field(default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        self._indices = {cell: index for index, cell in enumerate(self.cells)}

    def add(self, cell: Cell, value: float, at: float) -> None:
        """Add a value of the Unix time `at`; a late value is added to the block of its time."""
        index = self._indexed(cell)
        block = self.blocks[-1] if self.blocks else None
        if block is None or (block.filled >= self.block and at >= block.end):
            append_block(self.blocks, at, ALIKE, SIZES)
            block = self.blocks[-1]
        elif at < block.start:
            block = next((each for each in reversed(self.blocks) if each.start <= at), self.blocks[0])
        block.add(at, index, round(value * SCALE_FACTOR))

    def add_many(
        self, numbers: Sequence[int], cell_of: Callable[[int], Cell], values: Sequence[float], at: Sequence[float]
    ) -> None:
        """Add values as `add` does one by one; `cell_of` returns the cell of a number, and may widen the timeline."""
        indices: dict[int, int] = {}
        start = 0
        if all(map(le, at, islice(at, 1, None))) and not (self.blocks and at and at[0] < self.blocks[-1].end):
            scaled = [round(value * SCALE_FACTOR) for value in values]
            while start < len(scaled):
                stop = self._add_to_block(numbers, indices, scaled, at, start)
                if stop == start:  # a cell that may be new
                    stop = start + 1
                    self._add_late(numbers[start:stop], cell_of, values[start:stop], at[start:stop], indices)
                start = stop
        else:
            self._add_late(numbers, cell_of, values, at, indices)

    def _add_to_block(
        self,
        numbers: Sequence[int],
        indices: Mapping[int, int],
        scaled: Sequence[int],
        at: Sequence[float],
        start: int,
    ) -> int:
        """Add values in order of time to the latest block while their cells are known; return the end."""
        block = self.blocks[-1] if self.blocks else None
        if numbers[start] not in indices:
            return start
        if block is None or block.filled >= self.block:
            append_block(self.blocks, at[start], ALIKE, SIZES)
            block = self.blocks[-1]
        stop = min(len(scaled), start + self.block - block.filled)
        found, sums = numbers[start:stop], block.sums
        if not indices.keys() >= set(found):
            stop = next(index for index in range(start, stop) if numbers[index] not in indices)
            found = numbers[start:stop]
        own = scaled[start:stop]
        for index, unit in zip(map(indices.__getitem__, found), own, strict=True):
            cell = sums.get(index)
            if cell is None:
                cell = sums[index] = [0, 0]
            cell[0] += 1
            cell[1] += unit
        block.squares += sum(map(mul, own, own))
        block.filled += len(own)
        block.end = max(block.end, at[stop - 1])
        return stop

    def _add_late(
        self,
        numbers: Sequence[int],
        cell_of: Callable[[int], Cell],
        values: Sequence[float],
        at: Sequence[float],
        indices: dict[int, int],
    ) -> None:
        """Add values in any order of time; `indices` has the index of each number so far."""
        for number, value, moment in zip(numbers, values, at, strict=True):
            index = indices.get(number)
            if index is None:
                cell, before = cell_of(number), len(self.cells)
                index = self._indexed(cell)
                if before >= CELLS and len(self.cells) != before:  # making room has renumbered the cells
                    indices.clear()
                indices[number] = index
            block = self.blocks[-1] if self.blocks else None
            if block is None or (block.filled >= self.block and moment >= block.end):
                append_block(self.blocks, moment, ALIKE, SIZES)
                block = self.blocks[-1]
            elif moment < block.start:
                block = next((each for each in reversed(self.blocks) if each.start <= moment), self.blocks[0])
            block.add(moment, index, round(value * SCALE_FACTOR))

    def correct(self, cell: Cell, former: float | None, value: float | None, at: float) -> None:
        """Replace `former` by `value` in the latest block that may hold it; None as `value` removes it.

        Values that are not kept are ignored.
        """
        index = self._indices.get(cell, -1)
        holding = (block for block in reversed(self.blocks) if block.start <= at and block.sums.get(index, [0])[0] > 0)
        block = next(holding, None)
        if block and former is not None:
            block.replace(index, round(former * SCALE_FACTOR), None if value is None else round(value * SCALE_FACTOR))

    def widen(self, name: str) -> None:
        """Add a dimension, up to 24; the level of earlier values is "not given"."""
        if len(self.names) >= NAMES:
            return
        self.names += (name,)
        self._rename_cells([(*cell, NOT_GIVEN) for cell in self.cells])

    def dump(self) -> list[Any]:
        """Return the state as JSON types."""
        state: list[Any] = [list(self.names), [list(cell) for cell in self.cells]]
        return [*state, [block.dump() for block in self.blocks], *([] if self.block == BLOCK else [self.block])]

    @classmethod
    def load(cls, state: list[Any]) -> "Timeline":
        """Return the timeline that `dump` wrote."""
        names, cells, blocks, *rest = state
        loaded = [TimeBlock.load(block) for block in blocks]
        return cls(tuple(names), [tuple(cell) for cell in cells], loaded, *rest)

    def _indexed(self, cell: Cell) -> int:
        index = self._indices.get(cell)
        return self._admit(cell) if index is None else index

    def _admit(self, cell: Cell) -> int:
        if len(self.cells) >= CELLS:
            self._make_room()
        self.cells.append(cell)
        self._indices[cell] = len(self.cells) - 1
        return len(self.cells) - 1

    def _make_room(self) -> None:
        """Free a quarter of the cells.

        Remove empty cells, merge levels beyond the 16 largest of a dimension, then drop the traffic levels of the
        smallest cells, then all their levels.
        """
        counts = self._counts()
        self._rename_cells([cell if counts[cell] else None for cell in self.cells])
        for at in range(len(self.names)):
            self._rename_cells(_narrowed(self._counts(), at))
        for own, whole in ((ROOM - BLURRED, False), (ROOM - 1, True)):
            if len(self.cells) > ROOM:
                kept = {cell for cell, _ in self._counts().most_common(own)}
                self._rename_cells([cell if cell in kept else self._blurred(cell, whole) for cell in self.cells])

    def _blurred(self, cell: Cell, whole: bool) -> Cell:
        """Return a cell with only its system levels, or without any level if `whole`."""
        system = (not whole and name.partition(":")[0] in SYSTEM for name in self.names)
        return tuple(level if known else FORGOTTEN for level, known in zip(cell, system, strict=True))

    def _counts(self) -> Counter[Cell]:
        """Return the number of values of each cell; newer blocks weigh more, so that new cells are kept."""
        counts: Counter[Cell] = Counter(dict.fromkeys(self.cells, 0))
        for block in self.blocks:
            for index, (n, _) in block.sums.items():
                counts[self.cells[index]] += n << (SIZES - block.size)
        return counts

    def _rename_cells(self, cells: Iterable[Cell | None]) -> None:
        """Rename the cells in order; None removes one, and equal names are merged."""
        renamed = list(cells)
        self.cells = list(dict.fromkeys(cell for cell in renamed if cell is not None))
        self._indices = {cell: index for index, cell in enumerate(self.cells)}
        indices = [-1 if cell is None else self._indices[cell] for cell in renamed]
        for block in self.blocks:
            block.move(indices)


def _narrowed(counts: Counter[Cell], at: int) -> list[Cell]:
    """Return the cells with only the 16 largest levels of dimension number `at`."""
    levels: Counter[Level] = Counter()
    for cell, n in counts.items():
        levels[cell[at]] += n
    kept = {level for level, _ in levels.most_common(LEVELS)}
    return [cell if cell[at] in kept else (*cell[:at], OTHER, *cell[at + 1 :]) for cell in counts]
