"""Shifts of cells: what is added to the values of a cell, so that all cells of the reference have the same mean."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from analyzer.domain.segments.dimensions import Cell, Level
from analyzer.domain.segments.expectation import expectation

MICROS = 1_000_000
OVERLOOKED = 6
"""A rare level of the reference occurs about three times while the number of values doubles; more is a new level."""


class CellSums(NamedTuple):
    """Count and sum of the values of each cell, by index, and the sum of all squares; sums are in millionths."""

    cells: Sequence[Cell]
    counts: Sequence[int]
    totals: Sequence[int]
    squares: int


def find_shifts(sums: CellSums, familiar: Sequence[bool], weights: Mapping[Cell, float]) -> list[float]:
    """Return overall - expected for each cell; 0 for cells that are not in the reference.

    `familiar` says which cells are in it; `weights` are their shares, in any unit.
    """
    cells = list(zip(sums.cells, sums.counts, sums.totals, familiar, strict=False))
    means = {cell: (n, total / (n * MICROS)) for cell, n, total, known in cells if known and n > 0}
    weights = {cell: weight for cell, weight in weights.items() if weight > 0}
    seen = {cell: weight for cell, weight in weights.items() if cell in means}
    if len(means) < 2:
        return [0.0] * len(cells)
    found = expectation(means, _variance_within(sums), seen)
    overall = sum(weight * found.estimate(cell)[0] for cell, weight in weights.items()) / sum(weights.values())
    return [overall - found.estimate(cell)[0] if known else 0.0 for cell, _, _, known in cells]


def new_levels(cells: Sequence[Cell], counts: Sequence[int], familiar: Sequence[bool]) -> set[tuple[int, Level]]:
    """Return the levels that no familiar cell has, and that have more values than a rare level would.

    A level is (index of its dimension, name).
    """
    known = {each for cell, old in zip(cells, familiar, strict=False) if old for each in enumerate(cell)}
    found: Counter[tuple[int, Level]] = Counter()
    for cell, count in zip(cells, counts, strict=True):
        found.update(dict.fromkeys(enumerate(cell), count))
    return {each for each, count in found.items() if each not in known and count > OVERLOOKED}


def _variance_within(sums: CellSums) -> float:
    """Return the variance of the values within cells."""
    n = sum(sums.counts)
    filled = [(count, total) for count, total in zip(sums.counts, sums.totals, strict=True) if count > 0]
    if n < 2 * len(filled):  # Too few values per cell: use the variance of all values.
        filled = [(n, sum(sums.totals))]
    explained = sum(total * total / count for count, total in filled)
    return max(sums.squares - explained, 0.0) / max(n - len(filled), 1) / MICROS / MICROS
