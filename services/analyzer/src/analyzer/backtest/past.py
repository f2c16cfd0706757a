"""The past of a file in compact columns: 16 bytes a row, 8 for each value and 4 for each name; so it can be sorted."""

import math
from array import array
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from analyzer.backtest.cells import MISSING, missing, moment
from analyzer.backtest.columns import Columns
from analyzer.backtest.files import Advance, Source, Unit
from analyzer.backtest.scales import Scale
from analyzer.backtest.troubles import BadFile, Troubles

MOST_NAMES = 10_000
"""A column of versions, models, targets or segments may hold so many different names."""
_MOST_OUTSIDE = 0.01
"""A larger share of numbers outside of a scale that was guessed says that it is another one."""


@dataclass(slots=True)
class Names:
    """A column of names: a number for each row, and each name once; None stands for no name."""

    column: str
    names: list[str | None] = field(default_factory=list)
    codes: "array[int]" = field(default_factory=lambda: array("i"))
    _known: dict[Any, int] = field(default_factory=dict)

    def extend(self, cells: Sequence[Any]) -> None:
        known = self._known
        try:
            self.codes.extend([known[cell] for cell in cells])
        except (KeyError, TypeError):
            self.codes.extend([self._code(cell) for cell in cells])

    def _code(self, cell: Any) -> int:
        if type(cell) is not str:
            cell = None if missing(cell) else str(cell)
        code = self._known.get(cell)
        if code is None:
            if len(self.names) == MOST_NAMES:
                raise BadFile(f"{self.column} holds more than {MOST_NAMES:,} different names: it can't group the rows")
            code = self._known[cell] = len(self.names)
            self.names.append(None if missing(cell) else cell)
        return code

    def at(self, row: int) -> str | None:
        return self.names[self.codes[row]]


@dataclass(slots=True)
class Values:
    """A column of values on the metric's scale, NaN where there is none, and why there is none."""

    scale: Scale
    found: "array[float]" = field(default_factory=lambda: array("d"))
    n: int = 0
    missing: int = 0
    outside: int = 0
    troubles: Troubles = field(default_factory=Troubles)

    def extend(self, numbers: Sequence[int], cells: Sequence[Any]) -> None:
        scale = self.scale
        low, high, to_scale = scale.low, scale.high, scale.metric.to_scale
        try:
            read = [scale.read(cell) for cell in cells]
        except ValueError:
            read = [MISSING]
        if all(low <= value <= high for value in read):
            self.n += len(read)
            self.found.extend([to_scale(value) for value in read])
        else:
            self.found.extend([self._one(number, cell) for number, cell in zip(numbers, cells, strict=True)])

    def _one(self, number: int, cell: Any) -> float:
        """The value of one cell; or NaN, and it is counted why."""
        scale = self.scale
        try:
            value = scale.read(cell)
        except ValueError as reason:
            self.troubles.count(number, str(reason))
            return MISSING
        if scale.low <= value <= scale.high:
            self.n += 1
            return scale.metric.to_scale(value)
        if value != value:
            self.missing += 1
        else:
            self.outside += 1
            self.troubles.count(number, f"is outside of {scale.low:g} to {scale.high:g}")
        return MISSING


@dataclass(slots=True)
class Past:
    """All rows that could be read. `number` is a row's line or row in the file; `at` its Unix time.

    Where the file has no times (`timed` is False), a row's place is its time, in seconds.
    """

    unit: Unit
    timed: bool
    values: tuple[Values, ...]
    target: Names | None
    version: Names | None
    model: Names | None
    segments: tuple[Names, ...]
    number: "array[int]" = field(default_factory=lambda: array("q"))
    at: "array[float]" = field(default_factory=lambda: array("d"))
    ordered: bool = True
    troubles: Troubles = field(default_factory=Troubles)

    def order(self, versions: Sequence[str] = ()) -> "Order":
        """The rows by time; or those of `versions` only, one version after the other. Raises BadFile."""
        rows: Sequence[int] = range(len(self.at))
        if not self.ordered:
            rows = sorted(rows, key=self.at.__getitem__)
        if not versions:
            return Order(self, rows, self.timed)
        if self.version is None:
            raise BadFile("--order needs a column of versions: --version")
        known = self.version.names
        if unknown := [name for name in versions if name not in known]:
            raise BadFile(f"--order: there is no version {unknown[0]}; there are {', '.join(filter(None, known))}")
        places = {known.index(name): place for place, name in enumerate(versions)}
        codes = self.version.codes
        chosen = [row for row in rows if codes[row] in places]
        return Order(self, sorted(chosen, key=lambda row: places[codes[row]]), False)


@dataclass(frozen=True, slots=True)
class Order:
    """Rows in the order in which they are taken. A position counts from 0; if not `timed`, it is the time as well."""

    past: Past
    rows: Sequence[int]
    timed: bool

    def at(self, position: int) -> float:
        return self.past.at[self.rows[position]] if self.timed else float(position)

    def number(self, position: int) -> int:
        """The line or row of the file."""
        return self.past.number[self.rows[position]]

    def find(self, at: float) -> int:
        """The first position at that time or later."""
        return bisect_left(range(len(self.rows)), at, key=self.at)


def read(source: Source, columns: Columns, scales: Sequence[Scale], advance: Advance) -> Past:
    """Reads all of a file. Raises BadFile where a scale or a column is not what it was taken for."""

    def names(column: str | None) -> Names | None:
        return None if column is None else Names(column)

    past = Past(
        source.unit,
        columns.time is not None,
        tuple(Values(scale) for scale in scales),
        names(columns.target),
        names(columns.version),
        names(columns.model),
        tuple(Names(column) for column in columns.segments),
    )
    _fill(past, source, columns, advance)
    for values in past.values:
        _check(values, past.unit)
    return past


def _fill(past: Past, source: Source, columns: Columns, advance: Advance) -> None:
    groups = [group for group in (past.target, past.version, past.model, *past.segments) if group is not None]
    wanted = [*(values.scale.column for values in past.values), *(group.column for group in groups)]
    last = -math.inf
    for numbers, cells in source.batches([*wanted, *filter(None, [columns.time])], past.troubles, advance):
        if past.timed:
            numbers, cells, times = _timed(numbers, cells, past.troubles)
        else:
            times = [float(len(past.at) + place) for place in range(len(numbers))]
        if any(after < before for before, after in pairwise([last, *times])):
            past.ordered = False
        last = times[-1] if times else last
        past.number.extend(numbers)
        past.at.extend(times)
        for values, column in zip(past.values, cells, strict=False):
            values.extend(numbers, column)
        for group, column in zip(groups, cells[len(past.values) :], strict=False):
            group.extend(column)


def _timed(
    numbers: Sequence[int], cells: Sequence[Sequence[Any]], troubles: Troubles
) -> tuple[Sequence[int], Sequence[Sequence[Any]], list[float]]:
    """The rows that have a time, the last column, that can be read; and these times."""
    try:
        return numbers, cells, [moment(cell) for cell in cells[-1]]
    except ValueError:
        pass
    good, times = [], []
    for place, cell in enumerate(cells[-1]):
        try:
            times.append(moment(cell))
            good.append(place)
        except ValueError as reason:
            troubles.count(numbers[place], str(reason))
    return [numbers[place] for place in good], [[column[place] for place in good] for column in cells], times


def _check(values: Values, unit: Unit) -> None:
    scale, trouble = values.scale, values.troubles
    if values.outside > _MOST_OUTSIDE * (values.n + values.outside):
        first = min(found.first for reason, found in trouble.found.items() if reason.startswith("is outside"))
        raise BadFile(
            f"{scale.column}: {values.outside:,} of {values.n + values.outside:,} numbers are outside of "
            f"{scale.low:g} to {scale.high:g} (the first in {unit} {first}): give the scale, such as --scale 0:10"
        )
