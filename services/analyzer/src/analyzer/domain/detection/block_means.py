"""Means of blocks of five values: closer to a normal distribution than single values, and a fifth of the work."""

import math
from collections.abc import Sequence

from analyzer.domain.detection.running_stats import BLOCK
from analyzer.domain.detection.types import JsonState, ValueKind

_TINY = 1e-9
Block = tuple[float, float]
"""The mean of a block's values, and the mean of their squares."""


class BlockAverager:
    """Averages values in blocks, on the scale of comparison: smaller is worse."""

    __slots__ = ("_filled", "_logarithmic", "_square", "_total")

    def __init__(self, kind: ValueKind) -> None:
        self._logarithmic = kind == "positive"
        self._filled, self._total, self._square = 0, 0.0, 0.0

    def add(self, value: float) -> Block | None:
        """Add a value and return the block that it completes, else None.

        NaN is ignored. For `positive` values, 0 and less count as 1e-9 before the logarithm.
        """
        if self._logarithmic:
            value = -math.log(value if value > _TINY else _TINY) if value == value else value
        if value != value:
            return None
        self._total += value
        self._square += value * value
        if self._filled < BLOCK - 1:
            self._filled += 1
            return None
        block = self._total / BLOCK, self._square / BLOCK
        self._filled, self._total, self._square = 0, 0.0, 0.0
        return block

    def complete(self, values: Sequence[float]) -> list[tuple[int, Block]]:
        """Return the blocks that these values would complete, each with the index of its last value.

        Values must not be NaN, nor of the kind `positive`. The state stays as it is: see `keep`.
        """
        first = BLOCK - self._filled
        if first > len(values):
            return []
        total, square = self._total, self._square
        for value in values[:first]:
            total += value
            square += value * value
        found = [(first - 1, (total / BLOCK, square / BLOCK))]
        for start in range(first, len(values) - BLOCK + 1, BLOCK):
            a, b, c, d, e = values[start : start + BLOCK]
            means = (0.0 + a + b + c + d + e) / BLOCK, (0.0 + a * a + b * b + c * c + d * d + e * e) / BLOCK
            found.append((start + BLOCK - 1, means))
        return found

    def keep(self, values: Sequence[float]) -> None:
        """Add the values whose blocks `complete` has returned."""
        filled = self._filled + len(values)
        rest = values
        if filled >= BLOCK:
            self._total, self._square = 0.0, 0.0
            rest = values[len(values) - filled % BLOCK :]
        for value in rest:
            self._total += value
            self._square += value * value
        self._filled = filled % BLOCK

    @property
    def waiting(self) -> int:
        """The number of values in the incomplete block."""
        return self._filled

    def dump(self) -> JsonState:
        return [self._filled, self._total, self._square]

    @classmethod
    def load(cls, kind: ValueKind, state: JsonState) -> "BlockAverager":
        """Return the averager that `dump` wrote."""
        blocks = cls(kind)
        blocks._filled, blocks._total, blocks._square = state
        return blocks
