"""Points of a chart: means of at most 120 runs of values of equal length."""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise

from analyzer.domain.streams.sums import Sums
from ratchet_backtest.columnar.exact_sums import exact_sums
from ratchet_backtest.columnar.row_groups import Floats, Ints

_POINTS = 120
_FEWEST = 25


@dataclass(slots=True)
class TracePoint:
    """Successive values: sums on the metric's scale, first and last position, version of the last one."""

    sums: Sums
    first: int
    last: int
    version: str | None


@dataclass(slots=True)
class MetricTrace:
    """Points of `total` values, added in order."""

    total: int
    points: list[TracePoint] = field(default_factory=list)
    _added: int = 0
    _size: int = field(init=False)

    def __post_init__(self) -> None:
        self._size = max(_FEWEST, -(-self.total // _POINTS))

    def add_all(self, positions: Ints, values: Floats, version: Callable[[int], str | None]) -> None:
        """Add all values at once; `version` returns that of a position."""
        starts = [at for at in range(0, self.total, self._size) if not at or 2 * (self.total - at) >= self._size]
        for start, stop in pairwise([*starts, self.total]):
            first, last = int(positions[start]), int(positions[stop - 1])
            self.points.append(TracePoint(exact_sums(values[start:stop]), first, last, version(last)))

    def add(self, position: int, value: float, version: str | None) -> None:
        left = self.total - self._added
        self._added += 1
        # A rest of less than half a point belongs to the previous point.
        if not self.points or (self.points[-1].sums.n >= self._size and 2 * left >= self._size):
            self.points.append(TracePoint(Sums(), position, position, version))
        point = self.points[-1]
        point.sums.add(value)
        point.last, point.version = position, version
