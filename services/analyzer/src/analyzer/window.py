"""The latest values of a stream, in blocks: enough to say how good it is now, in constant size."""

from collections import Counter
from dataclasses import dataclass, field

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
    """The latest blocks. `label` is what the caller wants counted: the model, or the version, behind a value."""

    blocks: list[Block] = field(default_factory=list)
    sums: Sums = field(default_factory=Sums)
    earlier_label: str | None = None

    def add(self, value: float, at: float, label: str | None) -> None:
        """Takes a value of an execution that ran at `at`; the oldest block makes room for it."""
        if not self.blocks or self.blocks[-1].filled >= BLOCK:
            self._open(at)
        block = self.blocks[-1]
        block.sums.add(value)
        self.sums.add(value)
        block.filled += 1
        block.start, block.end, block.label = min(block.start, at), max(block.end, at), label

    def correct(self, former: float | None, value: float | None, at: float) -> None:
        """Puts `value` in the place of `former`, if its execution ran within the window."""
        if not self.blocks or at < self.start:
            return
        self.blocks[-1].sums.replace(former, value)
        self.sums.replace(former, value)

    def _open(self, at: float) -> None:
        if len(self.blocks) == BLOCKS:
            oldest = self.blocks.pop(0)
            self.sums.merge(oldest.sums, -1)
            self.earlier_label = oldest.label
        self.blocks.append(Block(Sums(), at, at, None))

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

    def dump(self) -> list[object]:
        return [self.earlier_label, [block.dump() for block in self.blocks]]

    @classmethod
    def load(cls, state: list) -> "Window":  # type: ignore[type-arg]  # JSON
        """The window that `dump` wrote."""
        window = cls(earlier_label=state[0])
        for n, total, squares, start, end, label, filled in state[1]:
            window.blocks.append(Block(Sums(n, total, squares), start, end, label, filled))
            window.sums.merge(window.blocks[-1].sums)
        return window
