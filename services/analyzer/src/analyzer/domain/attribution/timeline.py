"""The past of one metric of one target, by cell: enough to compare before and after any moment, in constant size.

Values fall into blocks of 25, one after another in time. Of each size the latest five blocks are kept; older ones
are merged two by two, so a block is never longer than a third of its age. Some 8,000 values are remembered.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from analyzer.domain.attribution.time_blocks import UNIT, TimeBlock, follow
from analyzer.domain.segments.dimensions import FORGOTTEN, NOT_TOLD, OTHER, SYSTEM, Cell

BLOCK = 25
ALIKE = 5
SIZES = 6
CELLS = 256
ROOM = 192
"""When all 256 cells are taken, so many are left."""
BLURRED = 32
"""So many of them at least are for small cells, of which the traffic is forgotten."""
LEVELS = 16
NAMES = 24


@dataclass(slots=True)
class Timeline:
    """Blocks of values by cell. `names` are the cells' dimensions: the declared ones, `outcome` where wanted, and
    `prompt_version:<prompt>` for each prompt.

    Values are goodness: more is better. Times are Unix times, by the clock that changes are dated by. Of a
    dimension with too many levels the smallest are put together as "other" (None).
    """

    names: tuple[str, ...]
    cells: list[Cell] = field(default_factory=list)
    blocks: list[TimeBlock] = field(default_factory=list)
    _places: dict[Cell, int] = field(default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        self._places = {cell: place for place, cell in enumerate(self.cells)}

    def add(self, cell: Cell, value: float, at: float) -> None:
        """Takes a value of `at`, which is no time to come. One that comes late goes to where it belongs."""
        place = self._places.get(cell)
        if place is None:
            place = self._admit(cell)
        block = self.blocks[-1] if self.blocks else None
        if block is None or (block.filled >= BLOCK and at >= block.end):
            follow(self.blocks, at, ALIKE, SIZES)
            block = self.blocks[-1]
        elif at < block.start:
            block = next((each for each in reversed(self.blocks) if each.start <= at), self.blocks[0])
        block.take(at, place, round(value * UNIT))

    def correct(self, cell: Cell, former: float | None, value: float | None, at: float) -> None:
        """Puts `value` in the place of `former`, in the latest block that may hold it.

        What was never counted here, or is forgotten, is not corrected; None as `value` takes it out.
        """
        place = self._places.get(cell, -1)
        holding = (block for block in reversed(self.blocks) if block.start <= at and block.sums.get(place, [0])[0] > 0)
        block = next(holding, None)
        if block and former is not None:
            block.replace(place, round(former * UNIT), None if value is None else round(value * UNIT))

    def widen(self, name: str) -> None:
        """Adds a dimension, while there are few: what is remembered didn't tell its level."""
        if len(self.names) >= NAMES:
            return
        self.names += (name,)
        self._renew([(*cell, NOT_TOLD) for cell in self.cells])

    def dump(self) -> list[Any]:
        """The state, JSON-ready."""
        return [list(self.names), [list(cell) for cell in self.cells], [block.dump() for block in self.blocks]]

    @classmethod
    def load(cls, state: list[Any]) -> "Timeline":
        """The timeline that `dump` wrote."""
        names, cells, blocks = state
        return cls(tuple(names), [tuple(cell) for cell in cells], [TimeBlock.load(block) for block in blocks])

    def _admit(self, cell: Cell) -> int:
        if len(self.cells) >= CELLS:
            self._make_room()
        self.cells.append(cell)
        self._places[cell] = len(self.cells) - 1
        return len(self.cells) - 1

    def _make_room(self) -> None:
        """Forgets cells without values. Then levels past the sixteenth of a dimension become other, then the traffic
        of the smallest cells, then all of them: until a quarter of the room is free."""
        counts = self._counts()
        self._renew([cell if counts[cell] else None for cell in self.cells])
        for at in range(len(self.names)):
            self._renew(_narrowed(self._counts(), at))
        for own, whole in ((ROOM - BLURRED, False), (ROOM - 1, True)):
            if len(self.cells) > ROOM:
                kept = {cell for cell, _ in self._counts().most_common(own)}
                self._renew([cell if cell in kept else self._blurred(cell, whole) for cell in self.cells])

    def _blurred(self, cell: Cell, whole: bool) -> Cell:
        """A small cell, of which only what the team or its suppliers change is still known, or nothing."""
        system = (not whole and name.partition(":")[0] in SYSTEM for name in self.names)
        return tuple(level if known else FORGOTTEN for level, known in zip(cell, system, strict=True))

    def _counts(self) -> Counter[Cell]:
        """How many values each cell has; younger blocks weigh more, so that what is new isn't forgotten first."""
        counts: Counter[Cell] = Counter(dict.fromkeys(self.cells, 0))
        for block in self.blocks:
            for place, (n, _) in block.sums.items():
                counts[self.cells[place]] += n << (SIZES - block.size)
        return counts

    def _renew(self, cells: Iterable[Cell | None]) -> None:
        """Gives each cell a new name, or none if nothing uses it; those of one name are put together."""
        renamed = list(cells)
        self.cells = list(dict.fromkeys(cell for cell in renamed if cell is not None))
        self._places = {cell: place for place, cell in enumerate(self.cells)}
        places = [-1 if cell is None else self._places[cell] for cell in renamed]
        for block in self.blocks:
            block.move(places)


def _narrowed(counts: Counter[Cell], at: int) -> list[Cell]:
    """The cells, of which the dimension at that place keeps its 16 largest levels."""
    levels: Counter[str | None] = Counter()
    for cell, n in counts.items():
        levels[cell[at]] += n
    kept = {level for level, _ in levels.most_common(LEVELS)}
    return [cell if cell[at] in kept else (*cell[:at], OTHER, *cell[at + 1 :]) for cell in counts]
