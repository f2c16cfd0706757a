"""Adjustment of values by segment, so that a change of traffic does not change their mean.

A *cell* is one combination of levels (route, language, model …). A value becomes

    residual = value - expected(cell) + overall

where `expected` is the cell's mean and `overall` the mean of all cells' expectations, weighted by the reference's
shares of traffic. The weights are fixed, so a change of mix has no effect. A drop of all cells lowers `overall` as much
as `expected`, so learning never absorbs it.

* A cell of the reference is compared with itself. A level that is not in the reference is compared with the overall
  mean, other levels equal, so the effect of a new model is fully visible.
* Cells with few values, or beyond the bounded index, are expected to have the sum of effects of their levels
  (`expectation`).
* Expectations are updated when the number of values has doubled and are fixed in between, so that a drop in one cell is
  not absorbed by the values that show it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import mul
from typing import Any

from analyzer.domain.segments.dimensions import Cell, CellIndex
from analyzer.domain.segments.expectation import Expectation, expectation
from analyzer.domain.segments.shifts import MICROS, CellSums, find_shifts, new_levels

FIRST = 50
REFERENCE = 800
_MAX_CACHED = 256


@dataclass(slots=True)
class SegmentProfile:
    """Statistics of a stream by cell: O(1) per value, bounded size, saved without loss.

    Values are on the metric's scale; sums are in whole millionths, so removing a value is exact. The first 50 values
    are not adjusted. Their mix gives the weights of the first reference, which adds cells of known levels until 800
    values. All cells of a profile have the same dimensions.
    """

    n: int = 0
    cells: CellIndex = field(default_factory=CellIndex)
    _counts: list[int] = field(default_factory=list)
    _totals: list[int] = field(default_factory=list)
    _squares: int = 0
    _weights: list[int] = field(default_factory=list)
    _shifts: list[float] = field(default_factory=list)
    _due: int = FIRST
    _familiar: list[bool] = field(default_factory=list)
    _open: bool = True
    # Derived, not saved: index (-1: none) and shift by cell; the expectation of all other cells.
    _known: dict[Cell, tuple[int, float]] = field(default_factory=dict, compare=False)
    _rest: Expectation | None = field(default=None, compare=False)

    def residual(self, cell: Cell, value: float) -> float:
        """Return the value adjusted by its cell, on the same scale."""
        return value + (self._known.get(cell) or self._look_up(cell))[1]

    def learn(self, cell: Cell, value: float, sign: int = 1) -> None:
        """Add a value; with `sign` -1, remove it."""
        index = (self._known.get(cell) or self._look_up(cell))[0]
        self._count(self._admit(cell) if index < 0 else index, round(value * MICROS), sign)

    def adjust(self, cell: Cell, value: float) -> float:
        """Return `residual`, then `learn`: for a stream that is compared with its own values."""
        index, shift = self._known.get(cell) or self._look_up(cell)
        self._count(self._admit(cell) if index < 0 else index, round(value * MICROS), 1)
        return value + shift

    @property
    def stable_for(self) -> int:
        """The number of values of known cells that can be learned without a change of shifts."""
        return max(self._due - self.n - 1, 0)

    def has(self, cell: Cell) -> bool:
        """Return whether the cell has an index, of its own or that of all other cells."""
        return (self._known.get(cell) or self._look_up(cell))[0] >= 0

    def learn_sums(self, sums: Iterable[tuple[Cell, int, int]], squares: int) -> None:
        """Add count and sum of new values of known cells, `stable_for` values at most, and the sum of all squares.

        Sums are in millionths.
        """
        for cell, count, total in sums:
            index = (self._known.get(cell) or self._look_up(cell))[0]
            self._counts[index] += count
            self._totals[index] += total
            self.n += count
        self._squares += squares

    def shifts(self, cells: Mapping[int, Cell]) -> dict[int, float]:
        """Return the shift of the values of each cell, by its number."""
        return {number: (self._known.get(cell) or self._look_up(cell))[1] for number, cell in cells.items()}

    def fixed_for(self, numbers: Sequence[int], cells: Mapping[int, Cell]) -> int:
        """Return how many of these values can be learned until shifts may change: at least one.

        They change with the first value of a new cell, and as the number of values has doubled.
        """
        new = {number for number, cell in cells.items() if (self._known.get(cell) or self._look_up(cell))[0] < 0}
        unknown = min((numbers.index(number) + 1 for number in new if number in numbers), default=len(numbers))
        return max(min(unknown, self._due - self.n), 1)

    def learn_many(self, numbers: Sequence[int], cells: Mapping[int, Cell], micros: Sequence[int]) -> None:
        """Add values as `learn` does one by one; `micros` are those of `Sums`, `numbers` say which cell each is of."""
        start = 0
        while start < len(numbers):
            stop = start + self.fixed_for(numbers[start:] if start else numbers, cells)
            stop = min(stop, len(numbers)) - 1  # the last one may change the shifts
            self._learn_fixed(numbers[start:stop], cells, micros[start:stop])
            index = (self._known.get(cells[numbers[stop]]) or self._look_up(cells[numbers[stop]]))[0]
            self._count(self._admit(cells[numbers[stop]]) if index < 0 else index, micros[stop], 1)
            start = stop + 1

    def _learn_fixed(self, numbers: Sequence[int], cells: Mapping[int, Cell], micros: Sequence[int]) -> None:
        counts, totals = self._counts, self._totals
        indices = {number: (self._known.get(cell) or self._look_up(cell))[0] for number, cell in cells.items()}
        for number, micro in zip(numbers, micros, strict=True):
            index = indices[number]
            counts[index] += 1
            totals[index] += micro
        self.n += len(numbers)
        self._squares += sum(map(mul, micros, micros))

    def reference(self) -> "SegmentProfile":
        """Return a copy in which all cells so far are known, as a baseline for another stream.

        Weights are the same, so its residuals are comparable with those of this profile.
        """
        copied = SegmentProfile.load(self.dump())
        copied._extend_reference(everything=True)
        return copied

    def successor(self) -> "SegmentProfile":
        """Return a profile without values for the next version, with the same weights and level of residuals."""
        cells = CellIndex(list(self.cells.kept))
        none = [0] * len(self._counts)
        return SegmentProfile(cells=cells, _counts=none, _totals=list(none), _weights=list(self._weights))

    @property
    def widened(self) -> tuple[float, float]:
        """How far residuals may lie below and above the scale; (0, 0) without segments."""
        return min([0.0, *self._shifts]), max([0.0, *self._shifts])

    def dump(self) -> list[Any]:
        """Return the state as JSON types; floats are restored exactly."""
        cells = [list(cell) for cell in self.cells.kept]
        sums = [list(self._counts), list(self._totals), self._squares]
        return [
            self.n,
            cells,
            *sums,
            list(self._weights),
            list(self._shifts),
            self._due,
            list(self._familiar),
            self._open,
        ]

    @classmethod
    def load(cls, state: list[Any]) -> "SegmentProfile":
        """Return the profile that `dump` wrote."""
        n, cells, *rest = state
        return cls(n, CellIndex([tuple(cell) for cell in cells]), *rest)

    def _count(self, index: int, micros: int, sign: int) -> None:
        self.n += sign
        self._counts[index] += sign
        self._totals[index] += sign * micros
        self._squares += sign * micros * micros
        if self.n >= self._due:
            if self._open:
                self._extend_reference(everything=not self._familiar)
                self._open = self.n < REFERENCE
            else:
                self._update_shifts()

    def _extend_reference(self, everything: bool) -> None:
        """Add cells to the reference: all so far, or those without a new level."""
        new = set() if everything else new_levels(self.cells.kept, self._counts, self._familiar)
        self._weights = self._weights or list(self._counts)
        self._open = self._open and not everything
        self._familiar = [not any(level in new for level in enumerate(cell)) for cell in self.cells.kept]
        self._update_shifts()

    def _update_shifts(self) -> None:
        sums = CellSums(self.cells.kept, self._counts, self._totals, self._squares)
        self._shifts = find_shifts(sums, self._familiar, self._weigh())
        self._due = max(2 * self.n, FIRST)
        self._known, self._rest = {}, None

    def _weigh(self) -> dict[Cell, float]:
        return {cell: float(weight) for cell, weight in zip(self.cells.kept, self._weights, strict=False)}

    def _look_up(self, cell: Cell) -> tuple[int, float]:
        """Return the index of `cell`, and the shift that is added to its values."""
        index, narrowed = self.cells.find(cell), self.cells.narrow(cell)
        own = 0 <= index < len(self._familiar) and self._familiar[index] and self.cells.kept[index] == narrowed
        if len(self._known) >= _MAX_CACHED:
            self._known = {}
        self._known[cell] = found = index, self._shifts[index] if own else self._common(narrowed)
        return found

    def _admit(self, cell: Cell) -> int:
        index = self.cells.assign(cell)
        if index == len(self._counts):
            self._counts.append(0)
            self._totals.append(0)
        self._known = {}
        return index

    def _common(self, cell: Cell) -> float:
        """Return the shift of a cell that is not in the reference: from the effects of its levels."""
        if not any(self._shifts):
            return 0.0
        if self._rest is None:
            weights = self._weigh()
            known = zip(self.cells.kept, self._shifts, self._familiar, strict=False)
            sums = {other: (int(max(weights.get(other, 0.0), 1.0)), -shift) for other, shift, old in known if old}
            self._rest = expectation(sums, 0.0, weights)
        low, high = self.widened
        return min(max(-self._rest.common(cell), low), high)
