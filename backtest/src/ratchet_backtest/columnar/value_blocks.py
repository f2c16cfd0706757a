"""Means of blocks of five values, as the engine's `BlockAverager` computes them, and tests that take them."""

from typing import Protocol

from analyzer.domain.detection.running_stats import BLOCK, Block
from ratchet_backtest.columnar.row_groups import Floats


class BlockTest(Protocol):
    """A test that closes a block with every fifth value; `waiting` is the number of values in the incomplete one."""

    @property
    def waiting(self) -> int: ...

    def observe(self, value: float) -> bool: ...

    def close(self, block: Block) -> bool: ...


def block_means(values: Floats) -> list[Block]:
    """Return the mean of each block of five values, and that of their squares; a rest of fewer values is ignored.

    Values are added one after the other, so that the floats are those of the engine.
    """
    blocks = values[: len(values) - len(values) % BLOCK].reshape(-1, BLOCK)
    squares = blocks * blocks
    total, square = 0.0 + blocks[:, 0], 0.0 + squares[:, 0]
    for column in range(1, BLOCK):
        total += blocks[:, column]
        square += squares[:, column]
    return list(zip((total / BLOCK).tolist(), (square / BLOCK).tolist(), strict=True))


def observe_blocks(test: BlockTest, values: Floats) -> tuple[int, bool]:
    """Add values up to the first one with which the test returns True; return how many were added, and its result."""
    head = -test.waiting % BLOCK
    for number, value in enumerate(values[:head].tolist(), 1):
        if test.observe(value):
            return number, True
    close = test.close
    for number, block in enumerate(block_means(values[head:]), 1):
        if close(block):
            return head + number * BLOCK, True
    if len(values) > head:
        for value in values[len(values) - (len(values) - head) % BLOCK :].tolist():
            test.observe(value)  # completes no block
    return len(values), False
