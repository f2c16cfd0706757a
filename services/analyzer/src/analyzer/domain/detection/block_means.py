"""Values are averaged in blocks of five: means are nearer to normal, and the work is done once for five values."""

import math

from analyzer.domain.detection.running_stats import BLOCK
from analyzer.domain.detection.types import Kind, State

_TINY = 1e-9
Block = tuple[float, float]
"""The mean of a block's values, and the mean of their squares."""


class Blocks:
    """Gathers values, on the scale on which they are compared, where smaller is worse."""

    __slots__ = ("_filled", "_logarithmic", "_square", "_total")

    def __init__(self, kind: Kind) -> None:
        self._logarithmic = kind == "positive"
        self._filled, self._total, self._square = 0, 0.0, 0.0

    def take(self, value: float) -> Block | None:
        """The block that `value` filled, if it did. NaN is no value; what isn't above 0 has the smallest logarithm."""
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

    @property
    def waiting(self) -> int:
        """Values in the block that isn't full yet."""
        return self._filled

    def dump(self) -> State:
        return [self._filled, self._total, self._square]

    @classmethod
    def load(cls, kind: Kind, state: State) -> "Blocks":
        """The blocks that `dump` wrote."""
        blocks = cls(kind)
        blocks._filled, blocks._total, blocks._square = state
        return blocks
