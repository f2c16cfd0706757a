"""A bounded list of the cells that traffic falls into."""

from dataclasses import dataclass, field

from analyzer.dimensions import OTHER, Cell

CELLS = 64
LEVELS = 16
_REMEMBERED = 256


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
        place = self._places.get(cell, -1)
        return place if place >= 0 else self._find(cell, admit=True)

    def seek(self, cell: Cell) -> int:
        """The place of `cell`, or -1 if it has none yet."""
        place = self._places.get(cell, -1)
        return place if place >= 0 else self._find(cell, admit=False)

    @property
    def overflown(self) -> bool:
        """Whether some traffic is put together as "other"."""
        return any(OTHER in cell for cell in self.kept)

    def _find(self, cell: Cell, admit: bool) -> int:
        if not self._levels:
            self._levels = [set() for _ in cell]
        narrowed = tuple(
            OTHER if level not in known and len(known) >= LEVELS else level
            for level, known in zip(cell, self._levels, strict=True)
        )
        place = self._places.get(narrowed, -1)
        if place < 0 and len(self.kept) >= CELLS:
            narrowed = (OTHER,) * len(cell)
            place = self._places.get(narrowed, -1)
        if place < 0 and admit:
            place = len(self.kept)
            self.kept.append(narrowed)
            self._know(narrowed, place)
        if place >= 0 and len(self._places) < _REMEMBERED:
            self._places[cell] = place
        return place

    def _know(self, cell: Cell, place: int) -> None:
        self._places[cell] = place
        self._levels = self._levels or [set() for _ in cell]
        for level, known in zip(cell, self._levels, strict=True):
            if level is not OTHER:
                known.add(level)
