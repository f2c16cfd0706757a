"""A metric's course for a chart: means of at most 120 equal runs of values."""

from dataclasses import dataclass, field

from analyzer.sums import Sums

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
class Trace:
    """Takes `total` values in turn."""

    total: int
    points: list[Point] = field(default_factory=list)

    def take(self, position: int, value: float, version: str | None) -> None:
        if not self.points or self.points[-1].sums.n >= max(_FEWEST, -(-self.total // _POINTS)):
            self.points.append(Point(Sums(), position, position, version))
        point = self.points[-1]
        point.sums.add(value)
        point.last, point.version = position, version
