"""Mix-proof values: each is judged against what its own segment is known for, not against the average of all traffic.

A *cell* is one combination of levels (route, language, model …). A value becomes

    residual = value - expected(cell) + overall

where `expected` is the cell's mean and `overall` the mean of all cells' expectations, weighed by the shares of traffic
that the reference had. These weights stay, so a change of mix moves nothing; and a fall of all cells alike lowers
`overall` as much as `expected`, so however much is learnt on the way, such a fall is never absorbed.

* A cell of the reference is compared with itself. A level that the reference doesn't know is compared with the whole:
  other levels equal. So a switch to a new model is seen in full.
* Cells with few values, or without a place in the bounded list, are expected to be what their levels have in common
  with others (`expectation`).
* Means are read off anew when the number of values has doubled, and are frozen in between: what fell in one cell only
  is not absorbed by the values that prove it, and estimates get better for ever.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from analyzer.domain.segments.cells import Cells
from analyzer.domain.segments.dimensions import Cell
from analyzer.domain.segments.expectation import Expectation, expectation

UNIT = 1_000_000
FIRST = 50
REFERENCE = 800
OVERLOOKED = 6
"""A level that is no newer than the others, but rare, is seen about three times while the number of values doubles."""
_REMEMBERED = 256


@dataclass(slots=True)
class SegmentProfile:
    """What a stream's values are like, cell by cell. O(1) a value, of bounded size, exact across restarts.

    Values are on the metric's scale, whatever its direction; sums are in whole millionths, so that what is taken back
    leaves no trace. Nothing is known of the first 50 values: their residuals are the values. The first reference is
    weighed by their mix, and gets to know cells, but no
    new levels, until 800 values; `settle` takes another one. All cells of a
    profile have the same dimensions: after a change of settings, begin a fresh one.
    """

    n: int = 0
    cells: Cells = field(default_factory=Cells)
    _counts: list[int] = field(default_factory=list)
    _totals: list[int] = field(default_factory=list)
    _squares: int = 0
    _weights: list[int] = field(default_factory=list)
    _shifts: list[float] = field(default_factory=list)
    _due: int = FIRST
    _familiar: list[bool] = field(default_factory=list)
    _open: bool = True
    # Shortcuts that follow from the rest, and are not saved: of cells the place (-1: none yet) and the shift; of all
    # others what their shifts are made of.
    _known: dict[Cell, tuple[int, float]] = field(default_factory=dict, compare=False)
    _rest: Expectation | None = field(default=None, compare=False)

    def residual(self, cell: Cell, value: float) -> float:
        """The value without what the mix of traffic does to it, on the same scale. Learns nothing."""
        return value + (self._known.get(cell) or self._look_up(cell))[1]

    def learn(self, cell: Cell, value: float, sign: int = 1) -> None:
        """Counts a value; with `sign` -1, takes it back."""
        place = (self._known.get(cell) or self._look_up(cell))[0]
        self._count(self._admit(cell) if place < 0 else place, round(value * UNIT), sign)

    def take(self, cell: Cell, value: float) -> float:
        """`residual`, then `learn`: for a stream that is compared with its own past."""
        place, shift = self._known.get(cell) or self._look_up(cell)
        self._count(self._admit(cell) if place < 0 else place, round(value * UNIT), 1)
        return value + shift

    def settle(self) -> None:
        """Makes all values up to now the reference: their cells are the known ones, their shares the weights.

        Residuals before and after it may differ by a constant: it belongs before a watch, not into it.
        """
        self._weights = list(self._counts)
        self._get_to_know(everything=True)

    def reference(self) -> "SegmentProfile":
        """A copy that knows all cells up to now, for another stream to be compared with; its weights are the same, so
        its residuals may be compared with those that this profile gave."""
        copied = SegmentProfile.load(self.dump())
        copied._get_to_know(everything=True)
        return copied

    def successor(self) -> "SegmentProfile":
        """A profile without values for the next version, weighed by the same mix: so that its residuals go on at the
        level of those that this profile gave."""
        cells = Cells(list(self.cells.kept))
        none = [0] * len(self._counts)
        return SegmentProfile(cells=cells, _counts=none, _totals=list(none), _weights=list(self._weights))

    @property
    def widened(self) -> tuple[float, float]:
        """How far residuals may lie below and above the scale's range: (0, 0) where there are no segments."""
        return min([0.0, *self._shifts]), max([0.0, *self._shifts])

    def dump(self) -> list[Any]:
        """The state, JSON-ready; floats read back exactly."""
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
        """The profile that `dump` wrote."""
        n, cells, *rest = state
        return cls(n, Cells([tuple(cell) for cell in cells]), *rest)

    def _count(self, place: int, units: int, sign: int) -> None:
        self.n += sign
        self._counts[place] += sign
        self._totals[place] += sign * units
        self._squares += sign * units * units
        if self.n >= self._due:
            if self._open:
                self._get_to_know(everything=not self._familiar)
                self._open = self.n < REFERENCE
            else:
                self._read_off()

    def _get_to_know(self, everything: bool) -> None:
        """Cells up to now belong to the reference: all of them, or those that are not of a new level."""
        new = set() if everything else self._new_levels()
        self._weights = self._weights or list(self._counts)
        self._open = self._open and not everything
        self._familiar = [not any(level in new for level in enumerate(cell)) for cell in self.cells.kept]
        self._read_off()

    def _new_levels(self) -> set[tuple[int, str | None]]:
        """Levels that came since the reference was last extended, with more values than a rare one would have."""
        known = {
            each for cell, old in zip(self.cells.kept, self._familiar, strict=False) if old for each in enumerate(cell)
        }
        counts: Counter[tuple[int, str | None]] = Counter()
        for cell, count in zip(self.cells.kept, self._counts, strict=True):
            counts.update(dict.fromkeys(enumerate(cell), count))
        return {each for each, count in counts.items() if each not in known and count > OVERLOOKED}

    def _read_off(self) -> None:
        self._shifts = self._expected()
        self._due = max(2 * self.n, FIRST)
        self._known, self._rest = {}, None

    def _expected(self) -> list[float]:
        """overall - expected, for each cell; 0 for those that don't belong to the reference."""
        cells = list(zip(self.cells.kept, self._counts, self._totals, self._familiar, strict=False))
        means = {cell: (n, total / (n * UNIT)) for cell, n, total, known in cells if known and n > 0}
        weights = {cell: weight for cell, weight in self._weigh().items() if weight > 0}
        seen = {cell: weight for cell, weight in weights.items() if cell in means}
        if len(means) < 2:
            return [0.0] * len(cells)
        found = expectation(means, _within(self._counts, self._totals, self._squares), seen)
        overall = sum(weight * found.of(cell)[0] for cell, weight in weights.items()) / sum(weights.values())
        return [overall - found.of(cell)[0] if known else 0.0 for cell, _, _, known in cells]

    def _weigh(self) -> dict[Cell, float]:
        return {cell: float(weight) for cell, weight in zip(self.cells.kept, self._weights, strict=False)}

    def _look_up(self, cell: Cell) -> tuple[int, float]:
        """The place of `cell`, and what is added to its values."""
        place, narrowed = self.cells.seek(cell), self.cells.narrow(cell)
        own = 0 <= place < len(self._familiar) and self._familiar[place] and self.cells.kept[place] == narrowed
        if len(self._known) >= _REMEMBERED:
            self._known = {}
        self._known[cell] = found = place, self._shifts[place] if own else self._common(narrowed)
        return found

    def _admit(self, cell: Cell) -> int:
        place = self.cells.place(cell)
        if place == len(self._counts):
            self._counts.append(0)
            self._totals.append(0)
        self._known = {}
        return place

    def _common(self, cell: Cell) -> float:
        """The shift of a cell that the reference doesn't know: from what its levels have in common with others."""
        if not any(self._shifts):
            return 0.0
        if self._rest is None:
            weights = self._weigh()
            known = zip(self.cells.kept, self._shifts, self._familiar, strict=False)
            sums = {other: (int(max(weights.get(other, 0.0), 1.0)), -shift) for other, shift, old in known if old}
            self._rest = expectation(sums, 0.0, weights)
        low, high = self.widened
        return min(max(-self._rest.common(cell), low), high)


def _within(counts: Sequence[int], totals: Sequence[int], squares: int) -> float:
    """The variance within cells; sums are in millionths."""
    n = sum(counts)
    filled = [(count, total) for count, total in zip(counts, totals, strict=True) if count > 0]
    if n < 2 * len(filled):  # Too few values to know how much they vary within a cell: as much as all of them do.
        filled = [(n, sum(totals))]
    explained = sum(total * total / count for count, total in filled)
    return max(squares - explained, 0.0) / max(n - len(filled), 1) / UNIT / UNIT
