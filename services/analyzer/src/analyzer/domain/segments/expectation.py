"""Expected means of cells: own mean, shrunk to the sum of the effects of its levels.

The means of cells are fitted by a sum of effects, one for each level of each dimension, by least squares with a ridge
(backfitting). The mean of a cell is then shrunk to that sum. Both are empirical Bayes estimates, with the variance
estimated by moments (DerSimonian and Laird, 1986). An unknown level has no effect, so its cell is compared with the
overall mean, other levels equal.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from analyzer.domain.segments.dimensions import FORGOTTEN, Cell, Level

_ROUNDS = 12
_ENOUGH = 10.0
"""The weight of the sum of effects is at most a tenth of all values."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """Fitted means: overall `centre` plus `effects` by level of each dimension.

    The sum of effects weighs as much as `trust` values of a cell.
    """

    cells: Mapping[Cell, tuple[int, float]]
    centre: float
    effects: tuple[dict[Level, float], ...]
    trust: float

    def estimate(self, cell: Cell) -> tuple[float, float]:
        """Return the expected mean of a cell, and the number of values it is worth."""
        n, mean = self.cells.get(cell, (0, 0.0))
        common = self.common(cell)
        if n <= 0:  # unknown, or all values removed; `trust` may be 0
            return common, self.trust
        return common + (mean - common) * n / (n + self.trust), n + self.trust

    def common(self, cell: Cell) -> float:
        """Return the sum of effects of the levels of `cell`."""
        return self.centre + sum(effects.get(level, 0.0) for level, effects in zip(cell, self.effects, strict=True))


def expectation(
    cells: Mapping[Cell, tuple[int, float]], variance: float, weights: Mapping[Cell, float] | None = None
) -> Expectation:
    """Fit the expectation from n and mean of each cell and the variance within cells.

    At least one cell must have values. The overall mean is weighted by `weights`, or by n.
    """
    weigh = weights or {cell: float(n) for cell, (n, _) in cells.items()}
    size = sum(weigh.values())
    mean = sum(weigh.get(cell, 0.0) * own for cell, (_, own) in cells.items()) / size
    counts = [n for n, _ in cells.values()]
    rest = [own - mean for _, own in cells.values()]
    ridge = _trust(counts, rest, variance)
    dimensions = [_Dimension.of_levels(levels, counts, ridge) for levels in zip(*cells, strict=True)]
    for _ in range(_ROUNDS):
        for dimension in dimensions:
            rest = dimension.refit(counts, rest)
    centre = mean
    effects = []
    for at, dimension in enumerate(dimensions):
        fitted = dimension.effects_by_level()
        middle = sum(weight * fitted.get(cell[at], 0.0) for cell, weight in weigh.items()) / size
        effects.append({level: effect - middle for level, effect in fitted.items()})
        centre += middle
    return Expectation(cells, centre, tuple(effects), _trust(counts, rest, variance))


@dataclass(slots=True)
class _Dimension:
    """The levels of one dimension by index: `indices` has that of each cell.

    `sizes` are the numbers of values of the levels, with the ridge; that of FORGOTTEN is infinite, so its effect is 0.
    """

    names: Sequence[Level]
    indices: Sequence[int]
    sizes: Sequence[float]
    effects: Sequence[float]

    @classmethod
    def of_levels(cls, levels: Sequence[Level], counts: Sequence[int], ridge: float) -> "_Dimension":
        """Return the dimension of which the cells have these levels, without effects."""
        found = {level: index for index, level in enumerate(dict.fromkeys(levels))}
        indices = [found[level] for level in levels]
        sizes = [math.inf if level == FORGOTTEN else ridge for level in found]
        for index, n in zip(indices, counts, strict=True):
            sizes[index] += n
        return cls(list(found), indices, sizes, [0.0] * len(sizes))

    def refit(self, counts: Sequence[int], rest: Sequence[float]) -> list[float]:
        """Fit the effects to the residuals `rest`, with additional values of effect 0; return the new residuals."""
        old, totals = self.effects, [0.0] * len(self.effects)
        for index, n, left in zip(self.indices, counts, rest, strict=True):
            totals[index] += n * (left + old[index])
        self.effects = [total / size for total, size in zip(totals, self.sizes, strict=True)]
        changes = [before - after for before, after in zip(old, self.effects, strict=True)]
        return [left + changes[index] for index, left in zip(self.indices, rest, strict=True)]

    def effects_by_level(self) -> dict[Level, float]:
        """Return the effect of each level but FORGOTTEN, which has none."""
        return {name: it for name, it in zip(self.names, self.effects, strict=True) if name != FORGOTTEN}


def _trust(counts: Sequence[int], rest: Sequence[float], variance: float) -> float:
    """Return the variance within cells over that of true means around the sums of effects."""
    size = sum(counts)
    squares = sum(n * left**2 for n, left in zip(counts, rest, strict=True))
    spread = squares - (len(counts) - 1) * variance
    scale = size - sum(n * n for n in counts) / size
    most = max(size / _ENOUGH, 1.0)
    if spread <= 0.0 or scale <= 0.0:
        return most
    return min(variance * scale / spread, most)
