"""Before and after a change, cell by cell: what the mix of traffic did, and what happened within the cells."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from analyzer.domain.attribution.time_blocks import UNIT, TimeBlock
from analyzer.domain.attribution.timeline import Timeline
from analyzer.domain.segments.dimensions import Cell
from analyzer.domain.segments.expectation import expectation

RECENT = 1000
"""Before a change the latest values count: at least so many, and four times as many as came after it."""
_FEW = 100
"""If fewer values came after the interval (or before it), all after (before) the likeliest moment count."""
_RARE = 0.05
_GROWN = 5.0
_UNSURE = 3.0
"""A step of shares may lie wherever the log-likelihood is within this of the best place."""
_FLAT = 1e-3


@dataclass(frozen=True, slots=True)
class ChangePoint:
    """When something changed: the likeliest moment, and the interval that it lies in. Unix times."""

    at: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class CellTable:
    """n and mean of each cell in a span of time, and the variance within cells."""

    cells: Mapping[Cell, tuple[int, float]]
    squares: float

    @property
    def n(self) -> int:
        return sum(n for n, _ in self.cells.values())

    @property
    def mean(self) -> float:
        return sum(n * mean for n, mean in self.cells.values()) / max(self.n, 1)

    def share(self, at: int, level: str | None) -> float:
        """The part of the values whose cell has `level` in the dimension at that place."""
        return sum(n for cell, (n, _) in self.cells.items() if cell[at] == level) / max(self.n, 1)

    def levels(self, at: int) -> list[str | None]:
        return list(dict.fromkeys(cell[at] for cell in self.cells))

    def level_mean(self, at: int, level: str | None) -> float:
        """The mean of those values; that of all where there are none."""
        found = [sums for cell, sums in self.cells.items() if cell[at] == level]
        n = sum(count for count, _ in found)
        return sum(count * mean for count, mean in found) / n if n else self.mean


@dataclass(frozen=True, slots=True)
class Contrast:
    """A cell after the change: `fall` is its mean less what it was expected to be, `weight` the inverse variance."""

    cell: Cell
    n: int
    mean: float
    expected: float
    weight: float

    @property
    def fall(self) -> float:
        return self.mean - self.expected


@dataclass(frozen=True, slots=True)
class Comparison:
    """Both sides of a change. `new[d]` holds the levels of dimension d that came with it, or nearly."""

    names: tuple[str, ...]
    before: CellTable
    after: CellTable
    contrasts: tuple[Contrast, ...]
    new: tuple[frozenset[str | None], ...]

    @property
    def raw(self) -> float:
        """The change of the mean as it is."""
        return self.after.mean - self.before.mean

    @property
    def within(self) -> float:
        """The part of it that happened within cells (Oaxaca and Blinder, 1973; shares of the time after)."""
        return sum(each.n * each.fall for each in self.contrasts) / max(self.after.n, 1)

    @property
    def mix(self) -> float:
        """The part that a change of traffic explains: cells as good as they were, in other shares."""
        return self.raw - self.within

    @property
    def mix_error(self) -> float:
        """The standard error of `mix`, as far as it comes from chance in who came."""
        n = max(self.after.n, 1)
        centre = sum(each.n * each.expected for each in self.contrasts) / n
        spread = sum(each.n * (each.expected - centre) ** 2 for each in self.contrasts) / n
        return math.sqrt(spread * (1.0 / n + 1.0 / max(self.before.n, 1)))


def compare(timeline: Timeline, change: ChangePoint) -> Comparison:
    """The latest values before the change's interval and all after it; blocks that reach into it are left out."""
    late = [block for block in timeline.blocks if block.start >= change.high]
    if sum(block.filled for block in late) < _FEW:
        late = [block for block in timeline.blocks if block.start >= change.at]
    needed = max(RECENT, 4 * sum(block.filled for block in late))
    past = [block for block in timeline.blocks if block.end <= change.low]
    if sum(block.filled for block in past) < _FEW:
        past = [block for block in timeline.blocks if block.end <= change.at]
    early: list[TimeBlock] = []
    for block in reversed(past):
        if sum(each.filled for each in early) >= needed:
            break
        early.append(block)
    before, after = table(timeline, early), table(timeline, late)
    new = tuple(_new_levels(before, after, at) for at in range(len(timeline.names)))
    return Comparison(timeline.names, before, after, _contrasts(before, after, new), new)


def table(timeline: Timeline, blocks: Iterable[TimeBlock]) -> CellTable:
    """What these blocks hold, together."""
    sums: dict[int, list[int]] = defaultdict(lambda: [0, 0])
    squares = 0
    for block in blocks:
        squares += block.squares
        for place, (n, total) in block.sums.items():
            sums[place][0] += n
            sums[place][1] += total
    cells = {timeline.cells[place]: (n, total / (n * UNIT)) for place, (n, total) in sums.items() if n > 0}
    explained = sum(n * mean * mean for n, mean in cells.values())
    return CellTable(cells, max(squares / UNIT / UNIT - explained, 0.0))


def _new_levels(before: CellTable, after: CellTable, at: int) -> frozenset[str | None]:
    """Levels that were rare before and have grown to a share that matters."""
    levels = {cell[at] for cell in after.cells}
    shares = {level: (before.share(at, level), after.share(at, level)) for level in levels}
    return frozenset(level for level, (old, now) in shares.items() if old < _RARE and now > max(_RARE, _GROWN * old))


def _contrasts(before: CellTable, after: CellTable, new: tuple[frozenset[str | None], ...]) -> tuple[Contrast, ...]:
    """Each cell after, against what is expected of it by the cells before; nothing is expected of new levels."""
    free = before.n + after.n - len(before.cells) - len(after.cells)
    variance = max((before.squares + after.squares) / max(free, 1), _FLAT * _FLAT)
    old = {
        cell: sums
        for cell, sums in before.cells.items()
        if not any(level in fresh for level, fresh in zip(cell, new, strict=True))
    }
    if not old:
        return ()
    expected = expectation(old, variance)
    found = []
    for cell, (n, mean) in after.cells.items():
        level, size = expected.of(cell)
        found.append(Contrast(cell, n, mean, level, 1.0 / (variance * (1.0 / n + 1.0 / size))))
    return tuple(found)


def onset(timeline: Timeline, place: int, level: str | None, old: float, now: float) -> tuple[float, float]:
    """When the share of `level` stepped from `old` to `now`: the times between which it may have. Unix times."""
    old, now = (min(max(share, _FLAT), 1.0 - _FLAT) for share in (old, now))
    gain = best = 0.0
    gains = [0.0]
    for block in timeline.blocks:
        n = sum(count for count, _ in block.sums.values())
        hits = sum(count for at, (count, _) in block.sums.items() if timeline.cells[at][place] == level)
        gain += hits * math.log(old / now) + (n - hits) * math.log((1.0 - old) / (1.0 - now))
        gains.append(gain)
        best = max(best, gain)
    likely = [at for at, each in enumerate(gains) if each >= best - _UNSURE]
    first, last = likely[0], likely[-1]
    blocks = timeline.blocks
    return blocks[max(first - 1, 0)].start, blocks[min(last, len(blocks) - 1)].end
