"""What a cell's mean is expected to be: its own as far as it is known, else what its levels have in common.

The means of cells are explained by a sum of effects, one for each level of each dimension, by least squares with a
ridge (backfitting). A cell's own mean is then shrunk to that sum. Both are shrunk as empirical Bayes estimates are: by
the part of their distance that chance explains (by moments: DerSimonian and Laird, 1986). A level that is not known
has no effect, so such a cell is compared with the whole, other things equal.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from analyzer.domain.segments.dimensions import FORGOTTEN, Cell

_ROUNDS = 12
_ENOUGH = 10.0
"""The sum of effects is never worth more than a tenth of all values."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """`centre` is the mean of the whole, `effects` those of each dimension's levels; a sum of effects is worth `trust`
    values of a cell's own."""

    cells: Mapping[Cell, tuple[int, float]]
    centre: float
    effects: tuple[dict[str | None, float], ...]
    trust: float

    def of(self, cell: Cell) -> tuple[float, float]:
        """The expected mean of a cell, and how many values it is as good as."""
        n, mean = self.cells.get(cell, (0, 0.0))
        common = self.common(cell)
        if n <= 0:  # unknown, or all taken back; where nothing varies, the sum of effects may be worth no value at all
            return common, self.trust
        return common + (mean - common) * n / (n + self.trust), n + self.trust

    def common(self, cell: Cell) -> float:
        """What its levels have in common with others of these levels."""
        return self.centre + sum(effects.get(level, 0.0) for level, effects in zip(cell, self.effects, strict=True))


def expectation(
    cells: Mapping[Cell, tuple[int, float]], variance: float, weights: Mapping[Cell, float] | None = None
) -> Expectation:
    """From n and mean of each cell and the variance within cells; at least one cell has values.

    The whole is weighed by `weights`, or by n.
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
    """Fits one dimension's effects to what the others leave, as if `ridge` more values had shown none.

    `rest` is what all dimensions leave; it and `effects` are changed.
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
    """The variance within cells over that of true means round the sums of effects."""
    size = sum(n for n, _ in cells.values())
    spread = sum(n * rest[cell] ** 2 for cell, (n, _) in cells.items()) - (len(cells) - 1) * variance
    scale = size - sum(n * n for n, _ in cells.values()) / size
    most = max(size / _ENOUGH, 1.0)
    if spread <= 0.0 or scale <= 0.0:
        return most
    return min(variance * scale / spread, most)
