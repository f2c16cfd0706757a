"""Mix-proof values: each is judged against what its own segment is known for, not against the average of all traffic.

A *cell* is one combination of levels (route, language, model …). A value becomes

    residual = value - expected(cell) + overall

where `expected` is the cell's mean and `overall` the mean of all cells' expectations, weighed by the shares of traffic
that the reference had. These weights stay, so a change of mix moves nothing; and a fall of all cells alike lowers
`overall` as much as `expected`, so however much is learnt on the way, such a fall is never absorbed.

* A cell of the reference is compared with itself. A level that the reference doesn't know is compared with the whole:
  with all cells that share the rest of its levels. So a switch to a new model is seen in full.
* Cells with few values are shrunk to the whole's mean, as an empirical Bayes estimate does: by the part of their
  distance that chance explains.
* Means are read off anew when the number of values has doubled, and are frozen in between: what fell in one cell only
  is not absorbed by the values that prove it, and estimates get better for ever.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from analyzer.cells import Cells
from analyzer.dimensions import Cell

UNIT = 1_000_000
_REMEMBERED = 256


@dataclass(slots=True)
class Profile:
    """What a stream's values are like, cell by cell. O(1) a value, of bounded size, exact across restarts.

    Values are on the metric's scale, whatever its direction; sums are in whole millionths, so that what is taken back
    leaves no trace. Until `settle` was called nothing is known, and residuals are the values. All cells of a profile
    have the same dimensions: after a change of settings, begin a fresh one.
    """

    n: int = 0
    cells: Cells = field(default_factory=Cells)
    _counts: list[int] = field(default_factory=list)
    _totals: list[int] = field(default_factory=list)
    _squares: int = 0
    _weights: list[int] = field(default_factory=list)
    _shifts: list[float] = field(default_factory=list)
    _due: int = 0
    # A shortcut that follows from the rest, and is not saved: of a cell its place (-1: none yet) and its shift.
    _known: dict[Cell, tuple[int, float]] = field(default_factory=dict, compare=False)

    def residual(self, cell: Cell, value: float) -> float:
        """The value without what the mix of traffic does to it, on the same scale. Learns nothing."""
        return value + (self._known.get(cell) or self._look_up(cell))[1]

    def learn(self, cell: Cell, value: float, sign: int = 1) -> None:
        """Counts a value; with `sign` -1, takes it back."""
        place = (self._known.get(cell) or self._look_up(cell))[0]
        if place < 0:
            place = self._admit(cell)
        units = round(value * UNIT) * sign
        self.n += sign
        self._counts[place] += sign
        self._totals[place] += units
        self._squares += sign * units * units
        if 0 < self._due <= self.n:
            self._read_off()

    def take(self, cell: Cell, value: float) -> float:
        """`residual`, then `learn`: for a stream that is compared with its own past."""
        shift = (self._known.get(cell) or self._look_up(cell))[1]
        self.learn(cell, value)
        return value + shift

    def settle(self) -> None:
        """Makes all values up to now the reference: their cells are the known ones, their shares the weights."""
        self._weights = list(self._counts)
        self._read_off()

    def reference(self) -> "Profile":
        """A settled copy, for another stream to be compared with."""
        copied = Profile.load(self.dump())
        copied.settle()
        return copied

    @property
    def widened(self) -> tuple[float, float]:
        """How far residuals may lie below and above the scale's range: (0, 0) where there are no segments."""
        return min([0.0, *self._shifts]), max([0.0, *self._shifts])

    def dump(self) -> list[Any]:
        """The state, JSON-ready; floats read back exactly."""
        cells = [list(cell) for cell in self.cells.kept]
        sums = [list(self._counts), list(self._totals), self._squares]
        return [self.n, cells, *sums, list(self._weights), list(self._shifts), self._due]

    @classmethod
    def load(cls, state: list[Any]) -> "Profile":
        """The profile that `dump` wrote."""
        n, cells, *rest = state
        return cls(n, Cells([tuple(cell) for cell in cells]), *rest)

    def _read_off(self) -> None:
        self._shifts = shifts(self._counts, self._totals, self._squares, self._weights)
        self._due = 2 * max(self.n, 1)
        self._known = {}

    def _look_up(self, cell: Cell) -> tuple[int, float]:
        """The place of `cell`, and what is added to its values."""
        place = self.cells.seek(cell)
        known = 0 <= place < len(self._weights) and self._weights[place] > 0
        if len(self._known) >= _REMEMBERED:
            self._known = {}
        self._known[cell] = found = place, self._shifts[place] if known else self._of_kin(cell)
        return found

    def _admit(self, cell: Cell) -> int:
        place = self.cells.place(cell)
        if place == len(self._counts):
            self._counts.append(0)
            self._totals.append(0)
        self._known.pop(cell, None)
        return place

    def _of_kin(self, cell: Cell) -> float:
        """The mean shift of the known cells that share most levels with `cell`; of all of them if none shares any."""
        kin = [
            (sum(a == b for a, b in zip(cell, known, strict=True)), weight, shift)
            for known, weight, shift in zip(self.cells.kept, self._weights, self._shifts, strict=False)
            if weight > 0
        ]
        most = max((shared for shared, _, _ in kin), default=0)
        nearest = [(weight, shift) for shared, weight, shift in kin if shared == most]
        total = sum(weight for weight, _ in nearest)
        return sum(weight * shift for weight, shift in nearest) / total if total else 0.0


def shifts(counts: Sequence[int], totals: Sequence[int], squares: int, weights: Sequence[int]) -> list[float]:
    """overall - expected, for each cell that has a weight; sums in millionths.

    The spread of true means between cells is estimated by moments (DerSimonian and Laird, 1986); each cell's mean is
    kept by the part of its distance from the whole's that this spread explains.
    """
    known = [at for at, weight in enumerate(weights) if weight > 0 and counts[at] > 0]
    total_weight = sum(weights[at] for at in known)
    if len(known) < 2:
        return [0.0] * len(weights)
    means = {at: totals[at] / (counts[at] * UNIT) for at in known}
    whole = sum(weights[at] * means[at] for at in known) / total_weight
    kept = _kept(counts, totals, squares, means)
    expected = {at: whole + kept[at] * (means[at] - whole) for at in known}
    overall = sum(weights[at] * expected[at] for at in known) / total_weight
    return [overall - expected[at] if at in expected else 0.0 for at in range(len(weights))]


def _kept(counts: Sequence[int], totals: Sequence[int], squares: int, means: dict[int, float]) -> dict[int, float]:
    """For each cell, the part of its distance from the whole that is not chance: 0 to 1."""
    n = sum(counts)
    filled = sum(count > 0 for count in counts)
    between = sum(total * total / count for total, count in zip(totals, counts, strict=True) if count > 0)
    within = max(squares - between, 0.0) / UNIT / UNIT / max(n - filled, 1)
    size = sum(counts[at] for at in means)
    centre = sum(counts[at] * mean for at, mean in means.items()) / size
    spread = sum(counts[at] * (mean - centre) ** 2 for at, mean in means.items()) - (len(means) - 1) * within
    true = max(spread / (size - sum(counts[at] ** 2 for at in means) / size), 0.0)
    return {at: true / (true + within / counts[at]) if true > 0 else 0.0 for at in means}
