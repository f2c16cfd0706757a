"""Sums over the values of a while, and a list of them whose length doesn't grow with the past."""

from dataclasses import dataclass, field
from typing import Any

UNIT = 10_000
"""Values are counted in whole ten-thousandths, so that what is taken back leaves no trace."""


@dataclass(slots=True)
class TimeBlock:
    """`filled` values that came one after another, between two Unix times; sums in units.

    `sums` holds [n, sum] by a place that the owner gives out. A block of size s is made of 2**s first ones.
    """

    start: float
    end: float
    filled: int = 0
    size: int = 0
    squares: int = 0
    sums: dict[int, list[int]] = field(default_factory=dict)

    def take(self, at: float, place: int, units: int) -> None:
        """One value more. What comes late doesn't stretch a block into the past."""
        own = self.sums.get(place)
        if own is None:
            own = self.sums[place] = [0, 0]
        own[0] += 1
        own[1] += units
        self.squares += units * units
        self.filled += 1
        if at > self.end:
            self.end = at

    def replace(self, place: int, former: int, units: int | None) -> None:
        """Another value in the place of a former one, or none."""
        own = self.sums[place]
        own[1] -= former
        self.squares -= former * former
        if units is None:
            own[0] -= 1
        else:
            own[1] += units
            self.squares += units * units

    def merge(self, later: "TimeBlock") -> None:
        self.end = later.end
        self.filled += later.filled
        self.size += 1
        self.squares += later.squares
        for place, (n, total) in later.sums.items():
            cell = self.sums.setdefault(place, [0, 0])
            cell[0] += n
            cell[1] += total

    def move(self, places: list[int]) -> None:
        """Renumbers places; those that become one are put together, those that become -1 are left out."""
        old, self.sums = self.sums, {}
        for place, (n, total) in old.items():
            if places[place] >= 0:
                cell = self.sums.setdefault(places[place], [0, 0])
                cell[0] += n
                cell[1] += total

    def dump(self) -> list[Any]:
        sums = [number for place, (n, total) in self.sums.items() for number in (place, n, total)]
        return [self.start, self.end, self.filled, self.size, self.squares, sums]

    @classmethod
    def load(cls, state: list[Any]) -> "TimeBlock":
        start, end, filled, size, squares, sums = state
        numbers = iter(sums)
        return cls(
            start, end, filled, size, squares, {place: [n, t] for place, n, t in zip(*[numbers] * 3, strict=True)}
        )


def follow(blocks: list[TimeBlock], at: float, alike: int, sizes: int) -> None:
    """Opens a block after the others: none overlap."""
    start = max(at, blocks[-1].end) if blocks else at
    blocks.append(TimeBlock(start, start))
    fold(blocks, alike, sizes)


def fold(blocks: list[TimeBlock], alike: int, sizes: int) -> None:
    """Merges the oldest blocks of a size two by two while more than `alike` are closed; the last one is still open.

    Blocks double in length, so none is longer than about a quarter of its age (with `alike` 4). After `sizes` sizes the
    oldest is forgotten.
    """
    size = 0
    while sum(block.size == size for block in blocks[:-1]) > alike:
        first = next(place for place, block in enumerate(blocks) if block.size == size)
        if size == sizes - 1:
            del blocks[first]
            break
        blocks[first].merge(blocks.pop(first + 1))
        size += 1
