"""The latest values of a stream, in blocks: enough to say how good it is now, in constant size."""

from dataclasses import dataclass, field
from typing import Any

from analyzer.domain.streams.sums import Sums

BLOCK = 25
BLOCKS = 8
"""The window holds the last 176 to 200 values, or all of them while there are fewer."""


@dataclass(slots=True)
class ValueBlock:
    """Up to 25 values in the order in which they came; `start` is the Unix time of the first execution."""

    sums: Sums
    start: float
    filled: int = 0

    def dump(self) -> list[Any]:
        return [*self.sums.dump(), self.start, self.filled]


@dataclass(slots=True)
class RecentValues:
    """The latest blocks."""

    blocks: list[ValueBlock] = field(default_factory=list)

    def add(self, value: float, at: float) -> bool:
        """Takes a value of an execution that ran at `at`; True if the oldest block had to make room for it."""
        moved = (not self.blocks or self.blocks[-1].filled >= BLOCK) and self._open(at)
        block = self.blocks[-1]
        block.sums.add(value)
        block.filled += 1
        block.start = min(block.start, at)
        return moved

    def correct(self, former: float | None, value: float | None, at: float) -> None:
        """Puts `value` in the place of `former`, if its execution ran within the window."""
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
        every = Sums()
        for block in self.blocks:
            every.merge(block.sums)
        return every

    @property
    def start(self) -> float:
        return min(block.start for block in self.blocks)

    def dump(self) -> list[Any]:
        return [block.dump() for block in self.blocks]

    @classmethod
    def load(cls, state: list[Any]) -> "RecentValues":
        """The window that `dump` wrote."""
        return cls([ValueBlock(Sums(*block[:3]), *block[3:]) for block in state])
