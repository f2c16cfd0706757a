"""Sums over the values of a while, and a list of them whose length doesn't grow with the past."""

from dataclasses import dataclass, field
from typing import Any

UNIT = 1_000_000


@dataclass(slots=True)
class Block:
    """`filled` values that came one after another, between two Unix times; sums in millionths.

    `sums` holds [n, sum] by a place that the owner gives out. A block of size s is made of 2**s first ones.
    """

    start: float
    end: float
    filled: int = 0
    size: int = 0
    squares: int = 0
    sums: dict[int, list[int]] = field(default_factory=dict)

    def take(self, at: float) -> None:
        """One value more is in this block. What comes late doesn't stretch a block into the past."""
        self.filled += 1
        if at > self.end:
            self.end = at

    def add(self, place: int, units: int, sign: int = 1) -> None:
        cell = self.sums.get(place)
        if cell is None:
            cell = self.sums[place] = [0, 0]
        cell[0] += sign
        cell[1] += sign * units
        self.squares += sign * units * units

    def merge(self, later: "Block") -> None:
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
        sums = [[place, *sums] for place, sums in self.sums.items()]
        return [self.start, self.end, self.filled, self.size, self.squares, sums]

    @classmethod
    def load(cls, state: list[Any]) -> "Block":
        start, end, filled, size, squares, sums = state
        return cls(start, end, filled, size, squares, {place: [n, total] for place, n, total in sums})


def follow(blocks: list[Block], at: float, alike: int, sizes: int) -> None:
    """Opens a block after the others: none overlap."""
    start = max(at, blocks[-1].end) if blocks else at
    blocks.append(Block(start, start))
    fold(blocks, alike, sizes)


def fold(blocks: list[Block], alike: int, sizes: int) -> None:
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
