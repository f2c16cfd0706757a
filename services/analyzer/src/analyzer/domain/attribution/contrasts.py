"""Comparison before and after a change by cell: effect of the traffic mix, and changes within cells."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from analyzer.domain.attribution.time_blocks import SCALE_FACTOR, TimeBlock
from analyzer.domain.attribution.timeline import Timeline
from analyzer.domain.segments.dimensions import Cell, Level
from analyzer.domain.segments.expectation import expectation

RECENT = 1000
"""Values compared before a change: at least this many, and four times as many as after it."""
_FEW = 100
"""With fewer values after (before) the interval, all after (before) the most likely time are used."""
_RARE = 0.05
_GROWN = 5.0
_UNSURE = 3.0
"""A step of shares may be wherever the log-likelihood is within this of the maximum."""
_FLAT = 1e-3


@dataclass(frozen=True, slots=True)
class ChangePoint:
    """Time of a change: most likely time and interval, as Unix times."""

    at: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class CellTable:
    """n and mean of each cell in a time span, and the sum of squares within cells."""

    cells: Mapping[Cell, tuple[int, float]]
    squares: float

    @property
    def n(self) -> int:
        return sum(n for n, _ in self.cells.values())

    @property
    def mean(self) -> float:
        return sum(n * mean for n, mean in self.cells.values()) / max(self.n, 1)

    def share(self, at: int, level: Level) -> float:
        """Return the share of values with `level` in dimension number `at`."""
        return sum(n for cell, (n, _) in self.cells.items() if cell[at] == level) / max(self.n, 1)

    def levels(self, at: int) -> list[Level]:
        return list(dict.fromkeys(cell[at] for cell in self.cells))

    def level_mean(self, at: int, level: Level) -> float:
        """Return the mean of the values with `level`; the overall mean if there are none."""
        found = [sums for cell, sums in self.cells.items() if cell[at] == level]
        n = sum(count for count, _ in found)
        return sum(count * mean for count, mean in found) / n if n else self.mean


@dataclass(frozen=True, slots=True)
class Contrast:
    """A cell after the change: `fall` is mean - expected, `weight` the inverse variance."""

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
    """Both sides of a change. `new[d]` holds the levels of dimension d that are (nearly) new after it."""

    names: tuple[str, ...]
    before: CellTable
    after: CellTable
    contrasts: tuple[Contrast, ...]
    new: tuple[frozenset[Level], ...]

    @property
    def raw(self) -> float:
        """The change of the mean."""
        return self.after.mean - self.before.mean

    @property
    def within(self) -> float:
        """The part of the change within cells (Oaxaca and Blinder, 1973; shares after the change)."""
        return sum(each.n * each.fall for each in self.contrasts) / max(self.after.n, 1)

    @property
    def mix(self) -> float:
        """The part of the change that traffic explains: cells of unchanged quality in other shares."""
        return self.raw - self.within

    @property
    def mix_error(self) -> float:
        """The standard error of `mix` from random traffic."""
        n = max(self.after.n, 1)
        centre = sum(each.n * each.expected for each in self.contrasts) / n
        spread = sum(each.n * (each.expected - centre) ** 2 for each in self.contrasts) / n
        return math.sqrt(spread * (1.0 / n + 1.0 / max(self.before.n, 1)))


def compare(timeline: Timeline, change: ChangePoint) -> Comparison:
    """Compare the latest values before the interval of the change with all after it, without blocks inside it."""
    late = [block for block in timeline.blocks if block.start >= change.high]
    if sum(block.filled for block in late) < _FEW:
        late = [block for block in timeline.blocks if block.start >= change.at]
    needed = max(RECENT, 4 * sum(block.filled for block in late))
    earlier = [block for block in timeline.blocks if block.end <= change.low]
    if sum(block.filled for block in earlier) < _FEW:
        earlier = [block for block in timeline.blocks if block.end <= change.at]
    early: list[TimeBlock] = []
    for block in reversed(earlier):
        if sum(each.filled for each in early) >= needed:
            break
        early.append(block)
    before, after = table(timeline, early), table(timeline, late)
    new = tuple(_new_levels(before, after, at) for at in range(len(timeline.names)))
    return Comparison(timeline.names, before, after, _contrasts(before, after, new), new)


def table(timeline: Timeline, blocks: Iterable[TimeBlock]) -> CellTable:
    """Return the cells of these blocks together."""
    sums: dict[int, list[int]] = defaultdict(lambda: [0, 0])
    squares = 0
    for block in blocks:
        squares += block.squares
        for index, (n, total) in block.sums.items():
            sums[index][0] += n
            sums[index][1] += total
    cells = {timeline.cells[index]: (n, total / (n * SCALE_FACTOR)) for index, (n, total) in sums.items() if n > 0}
    explained = sum(n * mean * mean for n, mean in cells.values())
    return CellTable(cells, max(squares / SCALE_FACTOR / SCALE_FACTOR - explained, 0.0))


def _new_levels(before: CellTable, after: CellTable, at: int) -> frozenset[Level]:
    """Return the levels that were rare before and have a relevant share after."""
    levels = {cell[at] for cell in after.cells}
    shares = {level: (before.share(at, level), after.share(at, level)) for level in levels}
    return frozenset(level for level, (old, now) in shares.items() if old < _RARE and now > max(_RARE, _GROWN * old))


def _contrasts(before: CellTable, after: CellTable, new: tuple[frozenset[Level], ...]) -> tuple[Contrast, ...]:
    """Return each cell after the change with its expectation from cells before; new levels have no own one."""
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
        level, size = expected.estimate(cell)
        found.append(Contrast(cell, n, mean, level, 1.0 / (variance * (1.0 / n + 1.0 / size))))
    return tuple(found)


def estimate_onset(timeline: Timeline, index: int, level: Level, old: float, now: float) -> tuple[float, float]:
    """Return the interval in which the share of `level` stepped from `old` to `now`, as Unix times."""
    old, now = (min(max(share, _FLAT), 1.0 - _FLAT) for share in (old, now))
    gain = best = 0.0
    gains = [0.0]
    for block in timeline.blocks:
        n = sum(count for count, _ in block.sums.values())
        hits = sum(count for at, (count, _) in block.sums.items() if timeline.cells[at][index] == level)
        gain += hits * math.log(old / now) + (n - hits) * math.log((1.0 - old) / (1.0 - now))
        gains.append(gain)
        best = max(best, gain)
    likely = [at for at, each in enumerate(gains) if each >= best - _UNSURE]
    first, last = likely[0], likely[-1]
    blocks = timeline.blocks
    return blocks[max(first - 1, 0)].start, blocks[min(last, len(blocks) - 1)].end
