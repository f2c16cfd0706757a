"""Scan for an undeclared change: the latest values of a stream against all of its earlier values.

Candidate change points become sparser with age (at most `_EACH` for each doubling of the distance). Each holds the sums
of all values before it, so the statistic includes the error of the baseline, which shrinks as the stream grows. A
baseline of the first values only would keep its error.
"""

import math

from analyzer.domain.detection.running_stats import RunningStats
from analyzer.domain.detection.thresholds import SHORTEST, drift_height
from analyzer.domain.detection.types import JsonState
from analyzer.domain.detection.variance import BlockNoise, SideStats, standardise_drop

_EACH = 6
_SIZES = 9
"""Candidates are kept up to about 6 * 2**9 blocks (15,000 values) back."""
_RESCAN_EVERY = 5
# Indices of a candidate.
N, SUM, SQUARES, EXCESS, VARIANCE, INFLATION, LIMIT = range(7)
ChangeCandidate = list[float]


class DriftScan:
    """Scan over candidate change points; `alpha` is spent over the life of the stream from `start` blocks on.

    `points` are in time order. `_counts` holds the number of candidates of each spacing, closest first. Each LIMIT is a
    deficit below which the suffix cannot be significant; `_slack` is how much the largest deficit may grow before any
    suffix can be. Both only save work and are not saved.
    """

    __slots__ = ("_counts", "_digits", "_lowest", "_rounding", "_slack", "_top", "alpha", "points", "start")

    def __init__(self, alpha: float, stats: RunningStats) -> None:
        self.alpha, self.start = alpha, stats.n
        self.points: list[ChangeCandidate] = []
        self._counts = [0] * _SIZES
        deviation = math.sqrt(stats.variance) or 1.0
        self._digits = 3 - math.floor(math.log10(deviation))
        self._prepare()

    def _prepare(self) -> None:
        self._lowest = drift_height(SHORTEST, 1.0, self.alpha) * math.sqrt(SHORTEST)
        self._slack, self._top = -1.0, -math.inf
        # Room for errors of rounding, relative to the deviation: an absolute one would exceed that of equal values.
        self._rounding = min(1e-9, 10.0 ** -(self._digits + 6))

    def mark(self, stats: RunningStats) -> None:
        """Add the current position as a candidate change point."""
        digits = self._digits
        sums = (round(stats.sum, digits), round(stats.squares, digits + 1), round(stats.excess, digits))
        limit = self._lowest * math.sqrt(stats.variance * stats.inflation)
        self.points.append([stats.n, *sums, stats.variance, stats.inflation, limit])
        self._slack = min(self._slack, limit)
        self._top = max(self._top, stats.sum / stats.n)
        counts = self._counts
        counts[0] += 1
        if counts[0] > _EACH:
            self._thin()

    def _thin(self) -> None:
        """Remove every second candidate of a spacing that has too many; the oldest spacing loses its oldest one."""
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

    def scan(self, stats: RunningStats, far: float, found: ChangeCandidate | None) -> ChangeCandidate | None:
        """Return the candidate whose suffix exceeds its threshold the most, or None.

        `stats` has just counted a block `far` from its origin. `found` is the previous result: while it still exceeds
        its threshold, a better candidate is searched at every fifth block only.
        """
        self._slack -= self._top - far
        if found is not None and stats.n % _RESCAN_EVERY and found in self.points and self._beyond(found, stats) > 0.0:
            return found
        return self._scan_all(stats) if self._slack < self._rounding else None

    def _scan_all(self, stats: RunningStats) -> ChangeCandidate | None:
        n, total = stats.n, stats.sum
        found, best = None, 0.0
        slack, top = math.inf, -math.inf
        for point in self.points:
            mean = point[SUM] / point[N]
            deficit = mean * n - total
            if deficit > point[LIMIT] - self._rounding:
                beyond = self._beyond(point, stats)
                if beyond > best:
                    found, best = point, beyond
                point[LIMIT] = self._limit(point, n)
            slack = min(slack, point[LIMIT] - deficit)
            top = max(top, mean)
        self._slack, self._top = slack, top
        return found

    def _limit(self, point: ChangeCandidate, n: int) -> float:
        length = max(n - point[N], SHORTEST)
        height = drift_height(length, n / self.start, self.alpha)
        return height * math.sqrt(length * (1.0 + length / point[N]) * point[VARIANCE] * point[INFLATION])

    def _beyond(self, point: ChangeCandidate, stats: RunningStats) -> float:
        """Return by how much the suffix of a candidate exceeds its threshold; negative if it does not."""
        length = stats.n - point[N]
        if length < SHORTEST:
            return -1.0
        return drop_score(point, stats) - drift_height(length, stats.n / self.start, self.alpha)

    def dump(self) -> JsonState:
        return [self.alpha, self.start, self._digits, self._counts, [point[:LIMIT] for point in self.points]]

    @classmethod
    def load(cls, state: JsonState, stats: RunningStats) -> "DriftScan":
        """Return the scan that `dump` wrote."""
        drift = cls(state[0], stats)
        _, drift.start, drift._digits, counts, points = state
        drift._prepare()
        drift._counts = list(counts)
        drift.points = [[*point, 0.0] for point in points]
        return drift


def drop_score(point: ChangeCandidate, stats: RunningStats) -> float:
    """Return the standardised drop of the mean from before `point` to after it."""
    before, after = sides(point, stats)
    drop = point[SUM] / before.blocks - (stats.sum - point[SUM]) / after.blocks
    return standardise_drop(
        drop, before, after, BlockNoise(point[VARIANCE], point[INFLATION], stats.skew), stats.bounded
    )


def sides(point: ChangeCandidate, stats: RunningStats) -> tuple[SideStats, SideStats]:
    """Return statistics of the values before `point` and after it."""
    n, m = point[N], stats.n - point[N]
    first = (point[SUM] + point[EXCESS]) / n
    then = (stats.sum + stats.excess - point[SUM] - point[EXCESS]) / m
    earlier, later = point[SQUARES] / n - first * first, (stats.squares - point[SQUARES]) / m - then * then
    return SideStats(n, stats.origin + first, earlier), SideStats(m, stats.origin + then, later)
