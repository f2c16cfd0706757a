"""The latest values of a stream, in blocks: enough to say how good it is now, in constant size."""

from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise

from analyzer.sums import Sums

BLOCK = 25
BLOCKS = 8
"""The window holds the last 176 to 200 values, or all of them while there are fewer."""


@dataclass(slots=True)
class Block:
    """Up to 25 values in the order in which they came; `start` and `end` are Unix times of their executions."""

    sums: Sums
    start: float
    end: float
    label: str | None
    filled: int = 0

    def dump(self) -> list[object]:
        return [*self.sums.dump(), self.start, self.end, self.label, self.filled]


@dataclass(slots=True)
class Window:
    """The latest blocks, and of all values before them the sums and the last label.

    A label is what the caller wants known of a value: the model, or the version, behind it.
    """

    blocks: list[Block] = field(default_factory=list)
    earlier: Sums = field(default_factory=Sums)
    earlier_label: str | None = None

    def add(self, value: float, at: float, label: str | None) -> bool:
        """Takes a value of an execution that ran at `at`; True if the oldest block had to make room for it."""
        moved = (not self.blocks or self.blocks[-1].filled >= BLOCK) and self._open(at)
        block = self.blocks[-1]
        block.sums.add(value)
        block.filled += 1
        block.label = label
        if at < block.start:
            block.start = at
        elif at > block.end:
            block.end = at
        return moved

    def correct(self, former: float | None, value: float | None, at: float) -> None:
        """Puts `value` in the place of `former`, if its execution ran within the window."""
        if not self.blocks or at < self.start:
            return
        self.blocks[-1].sums.replace(former, value)

    def _open(self, at: float) -> bool:
        full = len(self.blocks) == BLOCKS
        if full:
            oldest = self.blocks.pop(0)
            self.earlier.merge(oldest.sums)
            self.earlier_label = oldest.label
        self.blocks.append(Block(Sums(), at, at, None))
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

    @property
    def end(self) -> float:
        return max(block.end for block in self.blocks)

    @property
    def label(self) -> str | None:
        """The label of most blocks; of equals, the latest."""
        counted = Counter(block.label for block in reversed(self.blocks))
        return counted.most_common(1)[0][0] if counted else None

    def switch(self, first: str | None) -> tuple[str, str] | None:
        """The one change of labels from `first` through all blocks; None if there was none, or more than one."""
        labels = [first, self.earlier_label, *(block.label for block in self.blocks)]
        known = [label for label in labels if label is not None]
        changes = [(before, after) for before, after in pairwise(known) if before != after]
        return changes[0] if len(changes) == 1 else None

    def dump(self) -> list[object]:
        return [self.earlier.dump(), self.earlier_label, [block.dump() for block in self.blocks]]

    @classmethod
    def load(cls, state: list) -> "Window":  # type: ignore[type-arg]  # JSON
        """The window that `dump` wrote."""
        earlier, label, blocks = state
        kept = [Block(Sums(*block[:3]), *block[3:]) for block in blocks]
        return cls(kept, Sums(*earlier), label)
