"""The columns of values, found by name and cells."""

import math
from collections.abc import Sequence
from typing import Any

from ratchet.tables import BadFile, Doubt, Option, Sample
from ratchet.tables.numbers import parse
from ratchet.tables.verbal_scales import likert
from ratchet_backtest.cell_values import duration, failure, label, level_reader, readable, reads, thumb
from ratchet_backtest.column_roles import last_part, listed
from ratchet_backtest.directions import direction_by_name, measured_name
from shared.metric_catalog import tokens

# Words in the names of columns that hold values, and of those that hold numbers but never values.
_VALUES = frozenset(
    tokens(
        "score scores rating ratings star stars thumb thumbs csat nps feedback value quality label verdict correct "
        "helpful helpfulness accuracy accurate reward grade vote liked factuality relevance relevancy sentiment "
        "success pass passed"
    )
)
_COSTS = frozenset(tokens("latency duration elapsed cost costs ttft price"))
_NEVER = frozenset(
    tokens(
        "id ids uuid n tokens token count index idx row hash seed temperature length len size chars position step "
        "epoch unnamed rank num max page year month number level total"
    )
)
_MOST_VALUES = 30
_MOST_LABELS = 20


def find_value_columns(sample: Sample, free: Sequence[str]) -> tuple[str, ...]:
    """Return the columns whose names suggest values, else the only one that can have them. Raises Doubt or BadFile."""
    usable = [name for name in free if _can_be(name) and (_measures(name, sample) or _broken(name, sample))]
    named = _without_doubles([name for name in usable if _is_called_value(name)], sample)
    costs = [name for name in free if _is_amount(name) and _measures(name, sample)]
    if named:
        return tuple(named[:_MOST_VALUES])
    candidates = usable or costs
    if len(candidates) == 1:
        return tuple(candidates)
    if candidates:
        options = [Option(f"--value {name}", f"use the values in {name}", "value", name) for name in candidates]
        raise Doubt(f"several columns may contain the values ({listed(candidates)})", *options[:8])
    called = [
        name for name in free if (_is_called_value(name) or _is_amount(name)) and _can_be_asked(sample.known(name))
    ]
    if called:
        return (called[0],)
    empty = [name for name in free if _is_called_value(name) and not sample.known(name)]
    if empty:
        raise BadFile(f"{empty[0]} is empty; the columns are {listed(sample.columns)}")
    raise BadFile(f"no column looks like values: choose one with --value. The columns are {listed(sample.columns)}")


def _can_be(name: str) -> bool:
    """Return whether the name is not that of a count or an id: `user_rating` is possible, `rating_count` is not."""
    words = tokens(last_part(name))
    return bool(words) and _NEVER.isdisjoint(words[-1:]) and words != ["user"] and not _is_amount(name)


def _is_called_value(name: str) -> bool:
    if _is_amount(name):
        return False
    return not _VALUES.isdisjoint(tokens(measured_name(name))) or direction_by_name(name) is not None


def _is_amount(name: str) -> bool:
    return not _COSTS.isdisjoint(tokens(last_part(name)))


def _measures(name: str, sample: Sample) -> bool:
    cells = sample.known(name)
    if len(cells) < min(3, sample.size) or (_counts_rows(cells) and not _is_called_value(name)):
        return False
    readers = (_number, thumb, label(measured_name(name), {}), failure)
    if any(readable(cells, read) for read in readers):
        return True
    if _is_amount(name) and readable(cells, duration()):
        return True
    levels = likert([cell for cell in cells if type(cell) is str])
    return levels is not None and readable(cells, level_reader(levels))


def _counts_rows(cells: Sequence[Any]) -> bool:
    """Return whether a column only numbers the rows, as pandas' index does."""
    if len(cells) < 5:
        return False
    try:
        first, *others = [int(cell) for cell in cells]
    except (TypeError, ValueError, OverflowError):
        return False
    return all(number == first + step for step, number in enumerate(others, 1))


def _without_doubles(names: Sequence[str], sample: Sample) -> list[str]:
    """Return the names without columns that are equal to an earlier one."""
    seen: list[Sequence[Any]] = []
    found = []
    for name in names:
        cells = sample.columns[name]
        if not any(cells == other for other in seen):
            seen.append(cells)
            found.append(name)
    return found


def _broken(name: str, sample: Sample) -> bool:
    """Return whether a column is named like values and mostly has numbers, so that other cells are reported."""
    cells = sample.known(name)
    if not _is_called_value(name) or len(cells) < 3:
        return False
    return sum(reads(cell, _number) for cell in cells) > 0.5 * len(cells)


def _number(cell: Any) -> float:
    return 0.0 if parse(cell) else math.nan


def _can_be_asked(cells: Sequence[Any]) -> bool:
    """Return whether a column has few different words, or some numbers."""
    texts = {cell for cell in cells if type(cell) is str}
    return 0 < len(texts) <= _MOST_LABELS or any(reads(cell, _number) for cell in cells)
