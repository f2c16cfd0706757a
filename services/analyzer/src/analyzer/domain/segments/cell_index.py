"""A bounded index of the cells of traffic."""

from dataclasses import dataclass, field

from analyzer.domain.segments.dimensions import OTHER, Cell

CELLS = 64
LEVELS = 16


@dataclass(slots=True)
class CellIndex:
    """Assign an index to each cell: the first 64 cells and the first 16 levels of a dimension have their own.

    Further levels are "other" (None); further cells are other in all dimensions. First come first served: frequent
    cells come early, and evicting a cell would lose its statistics. Indices never change, so runs over the same values
    agree.
    """

    kept: list[Cell] = field(default_factory=list)
    # Derived from `kept`; not saved.
    _indices: dict[Cell, int] = field(default_factory=dict, compare=False)
    _levels: list[set[str | None]] = field(default_factory=list, compare=False)

    def __post_init__(self) -> None:
        for index, cell in enumerate(self.kept):
            self._index(cell, index)

    def assign(self, cell: Cell) -> int:
        """Return the index of `cell`; a new cell is appended to `kept`."""
        index = self.find(cell)
        if index < 0:
            index = len(self.kept)
            self.kept.append(self.narrow(cell) if index < CELLS else (OTHER,) * len(cell))
            self._index(self.kept[index], index)
        return index

    def find(self, cell: Cell) -> int:
        """Return the index of `cell`, or -1 if it has none."""
        index = self._indices.get(self.narrow(cell), -1)
        return self._indices.get((OTHER,) * len(cell), -1) if index < 0 and len(self.kept) >= CELLS else index

    def narrow(self, cell: Cell) -> Cell:
        """Return the cell with unknown levels of full dimensions replaced by "other"."""
        if not self._levels or cell in self._indices:
            return cell
        return tuple(
            OTHER if level not in known and len(known) >= LEVELS else level
            for level, known in zip(cell, self._levels, strict=True)
        )

    def _index(self, cell: Cell, index: int) -> None:
        self._indices[cell] = index
        self._levels = self._levels or [set() for _ in cell]
        for level, known in zip(cell, self._levels, strict=True):
            if level is not OTHER:
                known.add(level)
