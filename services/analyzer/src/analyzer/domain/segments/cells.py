"""A bounded list of the cells that traffic falls into."""

from dataclasses import dataclass, field

from analyzer.domain.segments.dimensions import OTHER, Cell

CELLS = 64
LEVELS = 16


@dataclass(slots=True)
class Cells:
    """Gives each cell a place: the first 16 levels of a dimension and the first 64 cells have their own.

    A level past that is "other" (None), and a cell past that is other in all dimensions. First come, not most
    frequent: what is frequent comes early, and a counter that makes room by eviction would forget what a cell was
    known for. Places never change, so two runs over the same values agree.
    """

    kept: list[Cell] = field(default_factory=list)
    # Shortcuts that follow from `kept`: not saved.
    _places: dict[Cell, int] = field(default_factory=dict, compare=False)
    _levels: list[set[str | None]] = field(default_factory=list, compare=False)

    def __post_init__(self) -> None:
        for place, cell in enumerate(self.kept):
            self._know(cell, place)

    def place(self, cell: Cell) -> int:
        """The place of `cell`, which may be a new one: then it is the last of `kept`."""
        place = self.seek(cell)
        if place < 0:
            place = len(self.kept)
            self.kept.append(self.narrow(cell) if place < CELLS else (OTHER,) * len(cell))
            self._know(self.kept[place], place)
        return place

    def seek(self, cell: Cell) -> int:
        """The place of `cell`, or -1 if it has none yet."""
        place = self._places.get(self.narrow(cell), -1)
        return self._places.get((OTHER,) * len(cell), -1) if place < 0 and len(self.kept) >= CELLS else place

    def narrow(self, cell: Cell) -> Cell:
        """The cell, in which levels that a full dimension doesn't know are "other"."""
        if not self._levels or cell in self._places:
            return cell
        return tuple(
            OTHER if level not in known and len(known) >= LEVELS else level
            for level, known in zip(cell, self._levels, strict=True)
        )

    def _know(self, cell: Cell, place: int) -> None:
        self._places[cell] = place
        self._levels = self._levels or [set() for _ in cell]
        for level, known in zip(cell, self._levels, strict=True):
            if level is not OTHER:
                known.add(level)
