"""Expected means of cells: own mean, shrunk to the sum of the effects of its levels.

The means of cells are fitted by a sum of effects, one for each level of each dimension, by least squares with a ridge
(backfitting). The mean of a cell is then shrunk to that sum. Both are empirical Bayes estimates, with the variance
estimated by moments (DerSimonian and Laird, 1986). An unknown level has no effect, so its cell is compared with the
overall mean, other levels equal.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from analyzer.domain.segments.dimensions import FORGOTTEN, Cell

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
    effects: tuple[dict[str | None, float], ...]
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
    dimensions = range(len(next(iter(cells))))
    mean = sum(weigh.get(cell, 0.0) * own for cell, (_, own) in cells.items()) / size
    rest = {cell: own - mean for cell, (_, own) in cells.items()}
    ridge = _trust(cells, rest, variance)
    effects: tuple[dict[str | None, float], ...] = tuple({} for _ in dimensions)
    for _ in range(_ROUNDS):
        for at in dimensions:
            _refit(cells, rest, at, ridge, effects[at])
    centre = mean
    for at in dimensions:
        middle = sum(weight * effects[at].get(cell[at], 0.0) for cell, weight in weigh.items()) / size
        effects[at].update({level: effect - middle for level, effect in effects[at].items()})
        centre += middle
    return Expectation(cells, centre, effects, _trust(cells, rest, variance))


def _refit(
    cells: Mapping[Cell, tuple[int, float]],
    rest: dict[Cell, float],
    at: int,
    ridge: float,
    effects: dict[str | None, float],
) -> None:
    """Fit the effects of one dimension to the residuals `rest`, with `ridge` additional values of effect 0.

    Updates `rest` and `effects`.
    """
    sums: dict[str | None, list[float]] = {}
    for cell, (n, _) in cells.items():
        if cell[at] == FORGOTTEN:
            continue
        each = sums.setdefault(cell[at], [ridge, 0.0])
        each[0] += n
        each[1] += n * (rest[cell] + effects.get(cell[at], 0.0))
    fitted = {level: total / n for level, (n, total) in sums.items()}
    for cell in cells:
        rest[cell] += effects.get(cell[at], 0.0) - fitted.get(cell[at], 0.0)
    effects.update(fitted)


def _trust(cells: Mapping[Cell, tuple[int, float]], rest: Mapping[Cell, float], variance: float) -> float:
    """Return the variance within cells over that of true means around the sums of effects."""
    size = sum(n for n, _ in cells.values())
    spread = sum(n * rest[cell] ** 2 for cell, (n, _) in cells.items()) - (len(cells) - 1) * variance
    scale = size - sum(n * n for n, _ in cells.values()) / size
    most = max(size / _ENOUGH, 1.0)
    if spread <= 0.0 or scale <= 0.0:
        return most
    return min(variance * scale / spread, most)
