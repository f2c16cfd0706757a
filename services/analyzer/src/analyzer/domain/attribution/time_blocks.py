"""Sums over blocks of successive values, and a list of blocks of bounded length."""

from dataclasses import dataclass, field
from typing import Any

SCALE_FACTOR = 10_000
"""Values are scaled to whole ten-thousandths (fixed point), so that removing a value is exact."""


@dataclass(slots=True)
class TimeBlock:
    """`filled` successive values between two Unix times; sums and squares are of scaled values.

    `sums` holds [n, sum] by an index that the owner assigns. A block of size s is merged from 2**s initial ones.
    """

    start: float
    end: float
    filled: int = 0
    size: int = 0
    squares: int = 0
    sums: dict[int, list[int]] = field(default_factory=dict)

    def add(self, at: float, index: int, scaled: int) -> None:
        """Add a value. A late value does not extend the block to an earlier time."""
        own = self.sums.get(index)
        if own is None:
            own = self.sums[index] = [0, 0]
        own[0] += 1
        own[1] += scaled
        self.squares += scaled * scaled
        self.filled += 1
        if at > self.end:
            self.end = at

    def add_many(self, index: int, n: int, total: int) -> None:
        """Add `n` values of one index to its sums only."""
        own = self.sums.get(index)
        if own is None:
            own = self.sums[index] = [0, 0]
        own[0] += n
        own[1] += total

    def replace(self, index: int, former: int, scaled: int | None) -> None:
        """Replace a former value, or remove it if `scaled` is None."""
        own = self.sums[index]
        own[1] -= former
        self.squares -= former * former
        if scaled is None:
            own[0] -= 1
        else:
            own[1] += scaled
            self.squares += scaled * scaled

    def merge(self, later: "TimeBlock") -> None:
        self.end = later.end
        self.filled += later.filled
        self.size += 1
        self.squares += later.squares
        for index, (n, total) in later.sums.items():
            cell = self.sums.setdefault(index, [0, 0])
            cell[0] += n
            cell[1] += total

    def move(self, indices: list[int]) -> None:
        """Renumber the indices; equal ones are merged, -1 is removed."""
        old, self.sums = self.sums, {}
        for index, (n, total) in old.items():
            if indices[index] >= 0:
                cell = self.sums.setdefault(indices[index], [0, 0])
                cell[0] += n
                cell[1] += total

    def dump(self) -> list[Any]:
        sums = [number for index, (n, total) in sorted(self.sums.items()) for number in (index, n, total)]
        return [self.start, self.end, self.filled, self.size, self.squares, sums]

    @classmethod
    def load(cls, state: list[Any]) -> "TimeBlock":
        start, end, filled, size, squares, sums = state
        numbers = iter(sums)
        return cls(
            start, end, filled, size, squares, {index: [n, t] for index, n, t in zip(*[numbers] * 3, strict=True)}
        )


def append_block(blocks: list[TimeBlock], at: float, alike: int, sizes: int) -> None:
    """Append a block after the others, without overlap."""
    start = max(at, blocks[-1].end) if blocks else at
    blocks.append(TimeBlock(start, start))
    merge_oldest_blocks(blocks, alike, sizes)


def merge_oldest_blocks(blocks: list[TimeBlock], alike: int, sizes: int) -> None:
    """Merge the two oldest blocks of a size while there are more than `alike` complete ones.

    Blocks double in length, so none is longer than about a quarter of its age (with `alike` 4). The oldest block of the
    largest of `sizes` sizes is removed.
    """
    size = 0
    while sum(block.size == size for block in blocks[:-1]) > alike:
        first = next(index for index, block in enumerate(blocks) if block.size == size)
        if size == sizes - 1:
            del blocks[first]
            break
        blocks[first].merge(blocks.pop(first + 1))
        size += 1
