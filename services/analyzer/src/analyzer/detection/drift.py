"""Undeclared change: the latest values of a stream against all of its values before them.

The candidates for the change are points of the past, few and ever further apart (at most `_EACH` for each doubling of the
distance), each with the sums of everything before it. So the error of the baseline is in the statistic, and shrinks as
the stream grows; a fixed baseline of the first values would keep its error for ever.
"""

import math

from analyzer.detection.boundary import SHORTEST, drift_height
from analyzer.detection.past import Past
from analyzer.detection.words import State

_EACH = 7
_LEVELS = 12
_OWN_SPREAD = 6.0
"""The suffix's own variance counts as if so many blocks of the past's variance had been seen besides."""
# Places in a candidate.
N, SUM, SQUARES, RAW, VARIANCE, INFLATION, SIZE = range(7)


class Drift:
    """A scan over candidate change points; `alpha` is spent over the stream's life from `start` blocks on."""

    __slots__ = ("_limits", "_means", "alpha", "bounded", "points", "start")

    def __init__(self, alpha: float, start: int, bounded: bool) -> None:
        self.alpha, self.start, self.bounded = alpha, start, bounded
        self.points: list[list[float]] = []
        self._means: list[float] = []
        self._limits: list[float] = []

    def mark(self, past: Past) -> None:
        """Remembers the present as a point at which a change may begin."""
        if past.variance <= 0.0:
            return
        point = [past.n, past.sum, past.squares, past.raw, past.variance, past.inflation, 0]
        self.points.append(point)
        self._means.append(past.sum / past.n)
        self._limits.append(self._limit(point, past.n + SHORTEST))
        self._thin()

    def look(self, past: Past) -> list[float] | None:
        """The candidate whose suffix is furthest beyond its height, or None. `past` includes the suffix."""
        n, total = past.n, past.sum
        found, best = None, 0.0
        place = 0
        for mean, limit in zip(self._means, self._limits, strict=True):
            if mean * n - total > limit:
                point = self.points[place]
                beyond = self._beyond(point, past)
                self._limits[place] = max(limit, self._limit(point, n))
                if beyond > best:
                    found, best = point, beyond
            place += 1
        return found

    def _thin(self) -> None:
        """Joins the two oldest intervals of a size where there are too many of that size."""
        size = 0
        while size < _LEVELS:
            places = [place for place, point in enumerate(self.points) if point[SIZE] == size]
            if len(places) <= _EACH:
                return
            self.points[places[0]][SIZE] = size + 1
            for column in (self.points, self._means, self._limits):
                del column[places[1]]  # type: ignore[attr-defined]
            size += 1

    def _limit(self, point: list[float], n: int) -> float:
        """What the deficit of the suffix must exceed at least, from a stream's length of `n` blocks on."""
        length = max(n - point[N], SHORTEST)
        height = drift_height(int(length), n / self.start, self.alpha)
        return height * math.sqrt(length * (1.0 + length / point[N]) * point[VARIANCE] * point[INFLATION])

    def _beyond(self, point: list[float], past: Past) -> float:
        """How far the suffix of a candidate is beyond its height; negative where it isn't."""
        length = past.n - point[N]
        if length < SHORTEST:
            return -1.0
        return drop_score(point, past, self.bounded) - drift_height(int(length), past.n / self.start, self.alpha)

    def dump(self) -> State:
        return [self.alpha, self.start, self.bounded, self.points]

    @classmethod
    def load(cls, state: State) -> "Drift":
        """The scan that `dump` wrote. Limits begin again at their lowest: they only save work."""
        alpha, start, bounded, points = state
        drift = cls(alpha, start, bounded)
        drift.points = [list(point) for point in points]
        drift._means = [point[SUM] / point[N] for point in points]
        drift._limits = [drift._limit(point, int(point[N]) + SHORTEST) for point in points]
        return drift


def drop_score(point: list[float], past: Past, bounded: bool) -> float:
    """The standardised drop of the mean from before `point` to after it, skewness taken off."""
    before, length = point[N], past.n - point[N]
    mean = point[SUM] / before
    after = (past.sum - point[SUM]) / length
    own = (past.squares - point[SQUARES]) / length - after * after
    return standardised(
        mean - after,
        before,
        length,
        point[VARIANCE],
        own,
        point[INFLATION],
        past.skew,
        tie(mean, after) if bounded else 1.0,
    )


def tie(before: float, after: float) -> float:
    """How much a bounded value's variance must grow because its mean moved towards the middle: 1 or more."""
    if not (0.0 < before < 1.0 and 0.0 < after < 1.0):
        return 1.0
    return max(1.0, after * (1.0 - after) / (before * (1.0 - before)))


def standardised(
    drop: float, before: float, after: float, variance: float, own: float, inflation: float, skew: float, grown: float
) -> float:
    """`drop` over its standard error, for `before` and `after` blocks.

    `own` is the variance of the later blocks; where it exceeds the earlier ones' by more than the mean explains
    (`grown`), it counts. A harmful skew makes large drops likelier than a Gaussian's: the first term of the
    Cornish-Fisher expansion takes that off.
    """
    own = max(0.0, own) * after / (after - 1.0) / grown if after > 1.0 else variance
    own = max(variance, (_OWN_SPREAD * variance + after * own) / (_OWN_SPREAD + after))
    error = math.sqrt(inflation * (variance / before + own / after))
    score = drop / error if error > 0.0 else 0.0
    third = -skew * (1.0 / (after * after) - 1.0 / (before * before)) / (1.0 / after + 1.0 / before) ** 1.5
    return score - max(third, 0.0) * (score * score - 1.0) / 6.0 if score > 1.0 else score
