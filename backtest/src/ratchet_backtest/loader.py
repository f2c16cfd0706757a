"""Load rows into a dataset in memory."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import Any

import numpy as np

from ratchet.tables import BadFile
from ratchet.tables.rows import Advance, Omissions, Rows, Unit
from ratchet.tables.time_parsers import NO_TIME, UNREADABLE
from ratchet.tables.times import TimeFormat
from ratchet_backtest.arrays import NameColumn, ValueColumn
from ratchet_backtest.column_roles import ColumnRoles
from ratchet_backtest.dataset import Dataset
from ratchet_backtest.iso_times import parse_iso_times
from ratchet_backtest.row_order import detect_trend, resolve_repeated_hours
from ratchet_backtest.scales import ValueScale
from ratchet_backtest.text_store import TextStore, UserIndex

_MAX_OUTSIDE = 0.01
"""Maximum share of numbers outside a scale; with more, the scale is wrong."""
_MAX_UNREADABLE = 0.1
_UNIX = TimeFormat("unix", lambda cell: float(cell))


@dataclass(slots=True)
class TimeReader:
    """Parser of times: format, and zone of times without one. `newest_first` is None if unknown."""

    format: TimeFormat = _UNIX
    zone: tzinfo = UTC
    newest_first: bool | None = None
    repeated: list[int] = field(default_factory=list)
    shown: list[tuple[int, str]] = field(default_factory=list)
    unreadable: int = 0

    def seconds(self, cell: Any) -> float:
        """Return the Unix time of a cell. Raises ValueError."""
        return self.located(self.format.parse(cell))

    def located(self, found: float | datetime) -> float:
        """Return the Unix time of a parsed time; a naive one is in `zone`."""
        return found.replace(tzinfo=self.zone).timestamp() if isinstance(found, datetime) else found

    def is_repeated(self, cell: Any) -> bool:
        """Return whether the cell's local time exists twice."""
        found = self.format.parse(cell)
        if not isinstance(found, datetime):
            return False
        first, second = (found.replace(tzinfo=self.zone, fold=fold) for fold in (0, 1))
        ahead, behind = first.utcoffset(), second.utcoffset()
        return ahead is not None and behind is not None and ahead > behind


def load_dataset(
    source: Rows, columns: ColumnRoles, scales: Sequence[ValueScale], advance: Advance, clock: TimeReader | None = None
) -> Dataset:
    """Load all rows. Raises BadFile if a scale or a column turns out to be wrong."""

    def names(column: str | None) -> NameColumn | None:
        return None if column is None else NameColumn(column)

    dataset = Dataset(
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
        _read_rows(dataset, source, columns, advance, known)
        _detect_order(dataset, known)
        _check_rows(dataset, columns, known)
        for values in dataset.values:
            _check(values, dataset.unit)
        _check_usable(dataset)
    except BaseException:
        dataset.close()
        raise
    return dataset


def _read_rows(dataset: Dataset, source: Rows, columns: ColumnRoles, advance: Advance, clock: TimeReader) -> None:
    named = [
        group for group in (dataset.target, dataset.version, dataset.model, *dataset.segments) if group is not None
    ]
    wanted = [*(values.scale.column for values in dataset.values), *(group.column for group in named)]
    others = [other for other in (dataset.texts, dataset.people) if other is not None]
    wanted += filter(None, (columns.input, columns.user, columns.time))
    sinks = [*named, *others]
    zoned = dataset.timed and not _fixed(clock.zone)
    for numbers, cells in source.batches(wanted, dataset.omissions, advance):
        times: Sequence[float]
        if dataset.timed:
            numbers, cells, times = _rows_with_times(numbers, cells, dataset.omissions, clock)
        else:
            times = [float(len(dataset.at) + index) for index in range(len(numbers))]
        if zoned:
            before = len(dataset.at)
            clock.repeated += [before + index for index, cell in enumerate(cells[-1]) if clock.is_repeated(cell)]
        dataset.number.extend(numbers)
        dataset.at.extend(times)
        for values, column in zip(dataset.values, cells, strict=False):
            values.extend(numbers, column)
        for sink, column in zip(sinks, cells[len(dataset.values) :], strict=False):
            sink.extend(column)


def _fixed(zone: tzinfo) -> bool:
    """Return whether a zone has one offset all year."""
    return len({zone.utcoffset(datetime(2026, month, 1)) for month in range(1, 13)}) == 1


def _rows_with_times(
    numbers: Sequence[int], cells: Sequence[Sequence[Any]], omissions: Omissions, clock: TimeReader
) -> tuple[Sequence[int], Sequence[Sequence[Any]], Sequence[float]]:
    """Return the rows with a readable time (last column), and the times."""
    parse, seconds = clock.format.parse, clock.seconds
    at_once = parse_iso_times(cells[-1], clock.zone is UTC) if clock.format.name == "iso" else None
    if at_once is not None:
        return numbers, cells, at_once
    try:
        found = [parse(cell) for cell in cells[-1]]
        return numbers, cells, [at if type(at) is float else clock.located(at) for at in found]
    except (ValueError, OverflowError):
        pass
    good, times = [], []
    for index, cell in enumerate(cells[-1]):
        try:
            times.append(seconds(cell))
            good.append(index)
        except (ValueError, OverflowError) as error:
            reason = str(error) if str(error) == NO_TIME else UNREADABLE
            omissions.count(numbers[index], reason)
            if reason == UNREADABLE:
                clock.unreadable += 1
                clock.shown += [(numbers[index], str(cell)[:40])] if len(clock.shown) < 3 else []
    return [numbers[index] for index in good], [[column[index] for index in good] for column in cells], times


def _detect_order(dataset: Dataset, clock: TimeReader) -> None:
    """Detect the time order of the file, and resolve hours that the end of summer time repeats."""
    dataset.trend = detect_trend(dataset.at) if dataset.timed else "flat"
    dataset.newest_first = dataset.trend == "descending" if clock.newest_first is None else clock.newest_first
    if dataset.timed and dataset.trend in ("ascending", "descending"):
        dataset.newest_first = dataset.trend == "descending"
    if clock.repeated and dataset.trend != "mixed":
        resolve_repeated_hours(dataset.at, clock.repeated, dataset.newest_first)
    dataset.repeated = len(clock.repeated)
    at = np.frombuffer(dataset.at, dtype=np.float64)
    dataset.ordered = not dataset.timed or bool((at[1:] >= at[:-1]).all())


def _check_rows(dataset: Dataset, columns: ColumnRoles, clock: TimeReader) -> None:
    omitted, n = dataset.omissions, len(dataset.at)
    if clock.unreadable > _MAX_UNREADABLE * (n + clock.unreadable):
        raise BadFile(
            f"{columns.time}: {clock.unreadable:,} of {n + clock.unreadable:,} times cannot be read as the others "
            f"({_list_cells(clock.shown, dataset.unit)}): give --time-format, or another column by --time"
        )
    others = {reason: each for reason, each in omitted.found.items() if reason not in (NO_TIME, UNREADABLE)}
    broken = sum(each.n for each in others.values())
    if broken > _MAX_UNREADABLE * (n + broken):
        reason, first = next(iter(others.items()))
        raise BadFile(
            f"{broken:,} of {n + broken:,} rows cannot be read: "
            f"{dataset.unit} {first.first:,} {reason}; correct the file"
        )


def _check(values: ValueColumn, unit: Unit) -> None:
    scale, omitted = values.scale, values.omissions
    read = values.n + values.outside
    if values.unreadable > _MAX_UNREADABLE * (read + values.unreadable):
        raise BadFile(
            f"{scale.column}: {values.unreadable:,} of {read + values.unreadable:,} cells cannot be read as "
            f"{scale.description.partition(',')[0]} ({_list_cells(values.shown, unit)}): "
            f"{_HELP.get(scale.kind, _HELP['score'])}"
        )
    if values.outside > _MAX_OUTSIDE * read:
        first = min(found.first for reason, found in omitted.found.items() if reason.startswith("is outside"))
        raise BadFile(
            f"{scale.column}: {values.outside:,} of {read:,} numbers are outside "
            f"{scale.low:g} to {scale.high:g} (the first in {unit} {first}): "
            "give the scale with --scale, such as --scale 0:10"
        )


_HELP = {
    "score": "give --decimal for its numbers, --missing for words that count as empty, or --kind for what it holds",
    "label": "give --good and --bad for its words, or --missing for those that count as empty",
    "thumb": "give --kind label with --good and --bad for its words, or --missing for those that count as empty",
    "error": "give --kind label with --good and --bad for its words, or --missing for those that count as empty",
}


def _list_cells(shown: Sequence[tuple[int, str]], unit: str) -> str:
    return "; ".join(f"{unit} {number:,}: {cell!r}" for number, cell in shown)


def _check_usable(dataset: Dataset) -> None:
    """Raise BadFile if no value can be used."""
    if dataset.values and not any(values.n for values in dataset.values):
        reasons = [f"{each.n:,} {reason} (the first: {dataset.unit} {each.first:,})"
                   for omitted in (dataset.omissions, *(values.omissions for values in dataset.values))
                   for reason, each in omitted.found.items()]  # fmt: skip
        columns = ", ".join(values.scale.column for values in dataset.values)
        why = "; ".join(reasons) or f"{columns} is empty in all {len(dataset.at):,} rows"
        raise BadFile(f"no value can be used: {why}; choose another column with --value")
