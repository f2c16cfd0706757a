"""The latest values of a stream in blocks: its current quality, in constant size."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from analyzer.domain.streams.sums import Sums

BLOCK = 25
BLOCKS = 8
"""The window holds the last 176 to 200 values, or all of them while there are fewer."""


@dataclass(slots=True)
class ValueBlock:
    """At most 25 values in order of receipt; `start` is the Unix time of the first execution."""

    sums: Sums
    start: float
    filled: int = 0

    def dump(self) -> list[Any]:
        return [*self.sums.dump(), self.start, self.filled]


@dataclass(slots=True)
class RecentValues:
    """The latest 8 blocks of values."""

    blocks: list[ValueBlock] = field(default_factory=list)

    def add(self, value: float, at: float) -> bool:
        """Add a value of an execution at the Unix time `at`; return whether the oldest block was removed."""
        removed = self.make_room(at)
        block = self.blocks[-1]
        block.sums.add(value)
        block.filled += 1
        block.start = min(block.start, at)
        return removed

    def make_room(self, at: float) -> bool:
        """Start a block if the latest one is full; return whether the oldest block was removed."""
        return (not self.blocks or self.blocks[-1].filled >= BLOCK) and self._open(at)

    def add_micros(self, micros: Sequence[int], at: Sequence[float], start: int) -> int:
        """Add values (as `Sums` counts them) from `start` on to the latest block until it is full; return the end."""
        block = self.blocks[-1]
        stop = min(len(micros), start + BLOCK - block.filled)
        block.sums.add_micros(micros[start:stop])
        block.filled += stop - start
        block.start = min(block.start, *at[start:stop])
        return stop

    def correct(self, former: float | None, value: float | None, at: float) -> None:
        """Replace `former` by `value`, if its execution is within the window."""
        if not self.blocks or at < self.start:
            return
        self.blocks[-1].sums.replace(former, value)

    def _open(self, at: float) -> bool:
        full = len(self.blocks) == BLOCKS
        if full:
            del self.blocks[0]
        self.blocks.append(ValueBlock(Sums(), at))
        return full

    @property
    def sums(self) -> Sums:
        """The sums of the window's values."""
        total = Sums()
        for block in self.blocks:
            total.merge(block.sums)
        return total

    @property
    def start(self) -> float:
        return min(block.start for block in self.blocks)

    def dump(self) -> list[Any]:
        return [block.dump() for block in self.blocks]

    @classmethod
    def load(cls, state: list[Any]) -> "RecentValues":
        """Return the values that `dump` wrote."""
        return cls([ValueBlock(Sums(*block[:3]), *block[3:]) for block in state])
