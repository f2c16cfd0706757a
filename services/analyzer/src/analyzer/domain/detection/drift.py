"""Undeclared change: the latest values of a stream against all of its values before them.

The candidates for the change are points of the past, few and ever further apart (at most `_EACH` for each doubling of
the distance), each with the sums of everything before it. So the error of the baseline is in the statistic, and shrinks
as the stream grows; a fixed baseline of the first values would keep its error for ever.
"""

import math

from analyzer.domain.detection.running_stats import RunningStats
from analyzer.domain.detection.standard_error import Noise, Side, standardised
from analyzer.domain.detection.thresholds import SHORTEST, drift_height
from analyzer.domain.detection.types import State

_EACH = 6
_SIZES = 9
"""Points are kept up to about 6 * 2**9 blocks (15,000 values) back."""
_ANEW = 5
# Places in a point.
N, SUM, SQUARES, EXCESS, VARIANCE, INFLATION, LIMIT = range(7)
Point = list[float]


class Drift:
    """A scan over candidate points; `alpha` is spent over the stream's life from `start` blocks on.

    `points` are in the order of time. `_counts` says how many there are of each spacing, closest first. Each point's
    LIMIT is a deficit below which its suffix can't be significant, and `_slack` is how much the closest deficit may
    still grow before any can: they only save work, and are not kept.
    """

    __slots__ = ("_counts", "_digits", "_lowest", "_slack", "_top", "alpha", "points", "start")

    def __init__(self, alpha: float, past: RunningStats) -> None:
        self.alpha, self.start = alpha, past.n
        self.points: list[Point] = []
        self._counts = [0] * _SIZES
        deviation = math.sqrt(past.variance) or 1.0
        self._digits = 3 - math.floor(math.log10(deviation))
        self._prepare()

    def _prepare(self) -> None:
        self._lowest = drift_height(SHORTEST, 1.0, self.alpha) * math.sqrt(SHORTEST)
        self._slack, self._top = -1.0, -math.inf

    def mark(self, past: RunningStats) -> None:
        """Remembers the present as a point at which a change may begin."""
        digits = self._digits
        sums = (round(past.sum, digits), round(past.squares, digits + 1), round(past.excess, digits))
        limit = self._lowest * math.sqrt(past.variance * past.inflation)
        self.points.append([past.n, *sums, past.variance, past.inflation, limit])
        self._slack = min(self._slack, limit)
        self._top = max(self._top, past.sum / past.n)
        counts = self._counts
        counts[0] += 1
        if counts[0] > _EACH:
            self._thin()

    def _thin(self) -> None:
        """Drops every second point where there are too many of one spacing; the oldest ones for good."""
        counts, oldest = self._counts, len(self.points)
        for size in range(_SIZES):
            oldest -= counts[size]
            if counts[size] <= _EACH:
                return
            if size + 1 == _SIZES:
                del self.points[oldest]
                counts[size] -= 1
                return
            del self.points[oldest + 1]
            counts[size] -= 2
            counts[size + 1] += 1
            oldest += 1

    def look(self, past: RunningStats, far: float, found: Point | None) -> Point | None:
        """The point whose suffix is furthest beyond its height, or None; `past` has just counted a block at `far`.

        `found` is the last answer: while it stays beyond its height, a better one is looked for in each fifth block.
        """
        self._slack -= self._top - far
        if found is not None and past.n % _ANEW and found in self.points and self._beyond(found, past) > 0.0:
            return found
        return self._scan(past) if self._slack < 1e-9 else None

    def _scan(self, past: RunningStats) -> Point | None:
        n, total = past.n, past.sum
        found, best = None, 0.0
        slack, top = math.inf, -math.inf
        for point in self.points:
            mean = point[SUM] / point[N]
            deficit = mean * n - total
            if deficit > point[LIMIT] - 1e-9:
                beyond = self._beyond(point, past)
                if beyond > best:
                    found, best = point, beyond
                point[LIMIT] = self._limit(point, n)
            slack = min(slack, point[LIMIT] - deficit)
            top = max(top, mean)
        self._slack, self._top = slack, top
        return found

    def _limit(self, point: Point, n: int) -> float:
        length = max(n - point[N], SHORTEST)
        height = drift_height(length, n / self.start, self.alpha)
        return height * math.sqrt(length * (1.0 + length / point[N]) * point[VARIANCE] * point[INFLATION])

    def _beyond(self, point: Point, past: RunningStats) -> float:
        """How far the suffix of a point is beyond its height; negative where it isn't."""
        length = past.n - point[N]
        if length < SHORTEST:
            return -1.0
        return drop_score(point, past) - drift_height(length, past.n / self.start, self.alpha)

    def dump(self) -> State:
        return [self.alpha, self.start, self._digits, self._counts, [point[:LIMIT] for point in self.points]]

    @classmethod
    def load(cls, state: State, past: RunningStats) -> "Drift":
        """The scan that `dump` wrote."""
        drift = cls(state[0], past)
        _, drift.start, drift._digits, counts, points = state
        drift._counts = list(counts)
        drift.points = [[*point, 0.0] for point in points]
        return drift


def drop_score(point: Point, past: RunningStats) -> float:
    """The standardised drop of the mean from before `point` to after it."""
    before, after = sides(point, past)
    drop = point[SUM] / before.blocks - (past.sum - point[SUM]) / after.blocks
    return standardised(drop, before, after, Noise(point[VARIANCE], point[INFLATION], past.skew), past.bounded)


def sides(point: Point, past: RunningStats) -> tuple[Side, Side]:
    """What came before `point`, and after it."""
    n, m = point[N], past.n - point[N]
    first = (point[SUM] + point[EXCESS]) / n
    then = (past.sum + past.excess - point[SUM] - point[EXCESS]) / m
    earlier, later = point[SQUARES] / n - first * first, (past.squares - point[SQUARES]) / m - then * then
    return Side(n, past.origin + first, earlier), Side(m, past.origin + then, later)
