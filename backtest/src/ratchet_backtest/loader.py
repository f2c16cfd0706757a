"""Read a file, or what else has rows, into a past in memory."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from itertools import pairwise
from typing import Any

from ratchet.tables import BadFile
from ratchet.tables.rows import Advance, Omissions, Rows, Unit
from ratchet.tables.times import NO_TIME, UNREADABLE, TimeFormat
from ratchet_backtest.arrays import NameColumn, ValueColumn
from ratchet_backtest.columns import Columns
from ratchet_backtest.dataset import Dataset
from ratchet_backtest.row_order import resolve_repeated_hours, trend
from ratchet_backtest.scales import Scale
from ratchet_backtest.text_store import TextStore, UserIndex

_MOST_OUTSIDE = 0.01
"""A larger share of numbers outside of a scale says that it is another one."""
_MOST_UNREADABLE = 0.1
_UNIX = TimeFormat("unix", lambda cell: float(cell))


@dataclass(slots=True)
class TimeReader:
    """How times are read: their format, and the zone of those without one. `newest_first` is None where unknown."""

    format: TimeFormat = _UNIX
    zone: tzinfo = UTC
    newest_first: bool | None = None
    repeated: list[int] = field(default_factory=list)
    shown: list[tuple[int, str]] = field(default_factory=list)
    unreadable: int = 0

    def seconds(self, cell: Any) -> float:
        """The Unix time of a cell. Raises ValueError."""
        return self.located(self.format.parse(cell))

    def located(self, found: float | datetime) -> float:
        """The Unix time of what a format read; without a zone of its own it is in this one's."""
        return found.replace(tzinfo=self.zone).timestamp() if isinstance(found, datetime) else found

    def is_repeated(self, cell: Any) -> bool:
        """Whether the cell's local time exists twice."""
        found = self.format.parse(cell)
        if not isinstance(found, datetime):
            return False
        first, second = (found.replace(tzinfo=self.zone, fold=fold) for fold in (0, 1))
        ahead, behind = first.utcoffset(), second.utcoffset()
        return ahead is not None and behind is not None and ahead > behind


def load_dataset(
    source: Rows, columns: Columns, scales: Sequence[Scale], advance: Advance, clock: TimeReader | None = None
) -> Dataset:
    """Read all of a past. Raises BadFile where a scale or a column is not what it was taken for."""

    def names(column: str | None) -> NameColumn | None:
        return None if column is None else NameColumn(column)

    past = Dataset(
        source.unit,
        columns.time is not None,
        tuple(ValueColumn(scale) for scale in scales),
        names(columns.target),
        names(columns.version),
        names(columns.model),
        tuple(NameColumn(column) for column in columns.segments),
        TextStore() if columns.input else None,
        UserIndex() if columns.user else None,
    )
    known = clock or TimeReader()
    try:
        _fill(past, source, columns, advance, known)
        _put_in_order(past, known)
        _check_rows(past, columns, known)
        for values in past.values:
            _check(values, past.unit)
        _check_usable(past)
    except BaseException:
        past.close()
        raise
    return past


def _fill(past: Dataset, source: Rows, columns: Columns, advance: Advance, clock: TimeReader) -> None:
    named = [group for group in (past.target, past.version, past.model, *past.segments) if group is not None]
    wanted = [*(values.scale.column for values in past.values), *(group.column for group in named)]
    others = [other for other in (past.texts, past.people) if other is not None]
    wanted += filter(None, (columns.input, columns.user, columns.time))
    takers = [*named, *others]
    zoned = past.timed and not _fixed(clock.zone)
    for numbers, cells in source.batches(wanted, past.omissions, advance):
        if past.timed:
            numbers, cells, times = _timed(numbers, cells, past.omissions, clock)
        else:
            times = [float(len(past.at) + place) for place in range(len(numbers))]
        if zoned:
            before = len(past.at)
            clock.repeated += [before + place for place, cell in enumerate(cells[-1]) if clock.is_repeated(cell)]
        past.number.extend(numbers)
        past.at.extend(times)
        for values, column in zip(past.values, cells, strict=False):
            values.extend(numbers, column)
        for taker, column in zip(takers, cells[len(past.values) :], strict=False):
            taker.extend(column)


def _fixed(zone: tzinfo) -> bool:
    """Whether a zone has one offset all year."""
    return len({zone.utcoffset(datetime(2026, month, 1)) for month in range(1, 13)}) == 1


def _timed(
    numbers: Sequence[int], cells: Sequence[Sequence[Any]], omissions: Omissions, clock: TimeReader
) -> tuple[Sequence[int], Sequence[Sequence[Any]], list[float]]:
    """The rows that have a time, the last column, that can be read; and these times."""
    parse, seconds = clock.format.parse, clock.seconds
    try:
        found = [parse(cell) for cell in cells[-1]]
        return numbers, cells, [at if type(at) is float else clock.located(at) for at in found]
    except (ValueError, OverflowError):
        pass
    good, times = [], []
    for place, cell in enumerate(cells[-1]):
        try:
            times.append(seconds(cell))
            good.append(place)
        except (ValueError, OverflowError) as error:
            reason = str(error) if str(error) == NO_TIME else UNREADABLE
            omissions.count(numbers[place], reason)
            if reason == UNREADABLE:
                clock.unreadable += 1
                clock.shown += [(numbers[place], str(cell)[:40])] if len(clock.shown) < 3 else []
    return [numbers[place] for place in good], [[column[place] for place in good] for column in cells], times


def _put_in_order(past: Dataset, clock: TimeReader) -> None:
    """Whether the file goes up or down in time, and the hours that a change of the clocks repeats."""
    past.trend = trend(past.at) if past.timed else "flat"
    past.newest_first = past.trend == "descending" if clock.newest_first is None else clock.newest_first
    if past.timed and past.trend in ("ascending", "descending"):
        past.newest_first = past.trend == "descending"
    if clock.repeated and past.trend != "mixed":
        resolve_repeated_hours(past.at, clock.repeated, past.newest_first)
    past.repeated = len(clock.repeated)
    past.ordered = not past.timed or all(before <= now for before, now in pairwise(past.at))


def _check_rows(past: Dataset, columns: Columns, clock: TimeReader) -> None:
    omitted, n = past.omissions, len(past.at)
    if clock.unreadable > _MOST_UNREADABLE * (n + clock.unreadable):
        raise BadFile(
            f"{columns.time}: {clock.unreadable:,} of {n + clock.unreadable:,} times cannot be read as the others "
            f"({_places(clock.shown, past.unit)}): give --time-format, or another column by --time"
        )
    others = {reason: each for reason, each in omitted.found.items() if reason not in (NO_TIME, UNREADABLE)}
    broken = sum(each.n for each in others.values())
    if broken > _MOST_UNREADABLE * (n + broken):
        reason, first = next(iter(others.items()))
        raise BadFile(
            f"{broken:,} of {n + broken:,} rows cannot be read: {past.unit} {first.first:,} {reason}; correct the file"
        )


def _check(values: ValueColumn, unit: Unit) -> None:
    scale, omitted = values.scale, values.omissions
    read = values.n + values.outside
    if values.unreadable > _MOST_UNREADABLE * (read + values.unreadable):
        raise BadFile(
            f"{scale.column}: {values.unreadable:,} of {read + values.unreadable:,} cells cannot be read as "
            f"{scale.told.partition(',')[0]} ({_places(values.shown, unit)}): {_HELP.get(scale.kind, _HELP['score'])}"
        )
    if values.outside > _MOST_OUTSIDE * read:
        first = min(found.first for reason, found in omitted.found.items() if reason.startswith("is outside"))
        raise BadFile(
            f"{scale.column}: {values.outside:,} of {read:,} numbers are outside of "
            f"{scale.low:g} to {scale.high:g} (the first in {unit} {first}): give the scale, such as --scale 0:10"
        )


_HELP = {
    "score": "give --decimal for its numbers, --missing for words that count as empty, or --kind for what it holds",
    "label": "give --good and --bad for its words, or --missing for those that count as empty",
    "thumb": "give --kind label with --good and --bad for its words, or --missing for those that count as empty",
    "error": "give --kind label with --good and --bad for its words, or --missing for those that count as empty",
}


def _places(shown: Sequence[tuple[int, str]], unit: str) -> str:
    return "; ".join(f"{unit} {number:,}: {cell!r}" for number, cell in shown)


def _check_usable(past: Dataset) -> None:
    """A file of which nothing can be used is an error, never an answer."""
    if past.values and not any(values.n for values in past.values):
        reasons = [f"{each.n:,} {reason} (the first: {past.unit} {each.first:,})"
                   for omitted in (past.omissions, *(values.omissions for values in past.values))
                   for reason, each in omitted.found.items()]  # fmt: skip
        columns = ", ".join(values.scale.column for values in past.values)
        why = "; ".join(reasons) or f"{columns} is empty in all {len(past.at):,} rows"
        raise BadFile(f"no value can be used: {why}; --value names another column")
