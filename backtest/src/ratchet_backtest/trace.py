"""A metric's course for a chart: means of at most 120 equal runs of values."""

from dataclasses import dataclass, field

from analyzer.domain.streams.sums import Sums

_POINTS = 120
_FEWEST = 25


@dataclass(slots=True)
class Point:
    """Successive values: their sums, on the metric's scale, the positions they begin and end at, the last's version."""

    sums: Sums
    first: int
    last: int
    version: str | None


@dataclass(slots=True)
class MetricTrace:
    """Takes `total` values in turn."""

    total: int
    points: list[Point] = field(default_factory=list)
    _taken: int = 0
    _size: int = field(init=False)

    def __post_init__(self) -> None:
        self._size = max(_FEWEST, -(-self.total // _POINTS))

    def take(self, position: int, value: float, version: str | None) -> None:
        left = self.total - self._taken
        self._taken += 1
        # The last few values, if they are no half of a point, belong to the one before.
        if not self.points or (self.points[-1].sums.n >= self._size and 2 * left >= self._size):
            self.points.append(Point(Sums(), position, position, version))
        point = self.points[-1]
        point.sums.add(value)
        point.last, point.version = position, version
