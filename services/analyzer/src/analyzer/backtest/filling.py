"""Reads a file, or what else has rows, into a past in memory."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from analyzer.backtest.cells import moment
from analyzer.backtest.columns import Columns
from analyzer.backtest.compact import Names, Values
from analyzer.backtest.files import Advance, Rows, Unit
from analyzer.backtest.past import Past
from analyzer.backtest.scales import Scale
from analyzer.backtest.texts import People, Texts
from analyzer.backtest.troubles import BadFile, Troubles

_MOST_OUTSIDE = 0.01
"""A larger share of numbers outside of a scale says that it is another one."""


def read(source: Rows, columns: Columns, scales: Sequence[Scale], advance: Advance) -> Past:
    """Reads all of a past. Raises BadFile where a scale or a column is not what it was taken for."""

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
        Texts() if columns.input else None,
        People() if columns.user else None,
    )
    try:
        _fill(past, source, columns, advance)
        for values in past.values:
            _check(values, past.unit)
    except BaseException:
        past.close()
        raise
    return past


def _fill(past: Past, source: Rows, columns: Columns, advance: Advance) -> None:
    named = [group for group in (past.target, past.version, past.model, *past.segments) if group is not None]
    wanted = [*(values.scale.column for values in past.values), *(group.column for group in named)]
    others = [other for other in (past.texts, past.people) if other is not None]
    wanted += filter(None, (columns.input, columns.user, columns.time))
    takers = [*named, *others]
    for numbers, cells in source.batches(wanted, past.troubles, advance):
        if past.timed:
            numbers, cells, times = _timed(numbers, cells, past.troubles)
        else:
            times = [float(len(past.at) + place) for place in range(len(numbers))]
        before = past.at[-1:]
        if past.ordered and any(late < early for early, late in pairwise([*before, *times])):
            past.ordered = False
        past.number.extend(numbers)
        past.at.extend(times)
        for values, column in zip(past.values, cells, strict=False):
            values.extend(numbers, column)
        for taker, column in zip(takers, cells[len(past.values) :], strict=False):
            taker.extend(column)


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
