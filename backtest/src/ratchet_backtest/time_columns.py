"""The column of times, and its format."""

from collections.abc import Sequence
from typing import Any

from ratchet.tables import Doubt, Option, Sample
from ratchet.tables.times import TimeFormat, time_format
from ratchet_backtest.column_roles import ColumnReader, RoleAssignment, last_part, listed, normalized_names
from shared.metric_catalog import tokens

# Names of columns by role, the likeliest first.
_TIMES = (
    *("occurred at", "timestamp", "time", "created at", "created", "started at", "start time", "date time", "datetime"),
    *("event time", "logged at", "recorded at", "submitted at", "timestamp ms", "timestamp utc", "received at"),
    *("inserted at", "date", "ts", "day", "zeit", "datum", "zeitstempel", "zeitpunkt", "erstellt am", "fecha"),
    *("hora", "horodatage"),
)
_TIME_ENDS = frozenset(tokens("at time date timestamp ts datetime zeit datum"))


def find_time_column(
    roles: RoleAssignment, given: str | None, format_name: str | None, whole: ColumnReader
) -> tuple[str | None, str | None]:
    """Return the column of times, and why a column named like one is not used. Raises Doubt."""
    sample = roles.sample
    if given:
        cells = sample.known(given)
        if cells and detect_time_format(given, cells, format_name, whole) is None:
            raise Doubt(
                _no_times(given, cells), Option("--time-format", "the pattern of the times", "time_format", None)
            )
        return given, None

    def timed(column: str) -> TimeFormat | None:
        cells = sample.known(column)
        if len(cells) < 0.5 * len(sample.columns[column]):
            return None
        return detect_time_format(column, cells, format_name, whole)

    called = {name: column for column in reversed(roles.free) for name in normalized_names(column)}
    likely = [called[name] for name in _TIMES if name in called]
    found = next((column for column in likely if timed(column)), None)
    if found is None:
        dated = _date_columns(sample, [name for name in roles.free if name not in likely])
        if len(dated) > 1:
            options = [Option(f"--time {name}", f"use the times in {name}", "time", name) for name in dated[:5]]
            raise Doubt(f"several columns contain times ({listed(dated)})", *options)
        found = next(iter(dated), None)
    if found is not None:
        roles.assign("time", found)
        return found, None
    named = next((column for column in likely if 2 * len(sample.known(column)) > len(sample.columns[column])), None)
    return None, _no_times(named, sample.known(named)) if named else None


def detect_time_format(column: str, cells: Sequence[Any], name: str | None, whole: ColumnReader) -> TimeFormat | None:
    """Return the time format of a column, by the whole column if the sample is ambiguous."""
    try:
        return time_format(column, cells, name)
    except Doubt:
        return time_format(column, [*cells, *whole(column)], name)


def _date_columns(sample: Sample, free: Sequence[str]) -> list[str]:
    """Return the columns of dates with any name, and of epoch numbers named like times."""
    found = []
    for name in free:
        cells = sample.known(name)
        if not cells or len(cells) < 0.5 * len(sample.columns[name]):
            continue
        ends = not _TIME_ENDS.isdisjoint(tokens(last_part(name))[-1:])
        if type(cells[0]) in (int, float, bool) and not ends:
            continue
        kind = _format_or_none(name, cells)
        if kind is not None and (ends or not kind.name.startswith("epoch")):
            found.append(name)
    ending = [name for name in found if not _TIME_ENDS.isdisjoint(tokens(last_part(name))[-1:])]
    return ending if len(ending) == 1 else found


def _format_or_none(name: str, cells: Sequence[Any]) -> TimeFormat | None:
    try:
        return time_format(name, cells)
    except Doubt:
        return TimeFormat("day-first", lambda cell: 0.0)


def _no_times(column: str, cells: Sequence[Any]) -> str:
    return f"{column} has no readable times; its first cell is {str(cells[0])[:40]!r}"
