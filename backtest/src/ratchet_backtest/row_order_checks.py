"""Checks of the row order of a file, and notes about it."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from ratchet.tables import Doubt, Option, Sample
from ratchet_backtest.column_roles import ColumnRoles
from ratchet_backtest.dataset import Dataset
from shared.metric_catalog import tokens

_NUMBERED = frozenset(tokens("id index idx row number no nr run step unnamed seq sequence"))
_LEAST = 10
_ANSWERS = (
    Option("--newest-first", "the newest rows come first", "newest_first", True),
    Option("--oldest-first", "the oldest rows come first", "newest_first", False),
)


def ask_order(sample: Sample, chosen: ColumnRoles, newest_first: bool | None) -> None:
    """Raise Doubt if a file has no times, or only equal ones, and may have its newest rows first."""
    if newest_first is not None:
        return
    if chosen.untimed:
        pattern = Option("--time-format PATTERN", "the strptime pattern of its times", "time_format", None)
        raise Doubt(chosen.untimed, pattern, *_ANSWERS)
    why = f"all times in {chosen.time} are equal" if chosen.time else "there are no times"
    for name, cells in sample.columns.items():
        if name not in chosen.values and _decreases(name, cells):
            raise Doubt(f"{why}, and {name} counts down", *_ANSWERS)
    if chosen.version and _counts_down(list(dict.fromkeys(map(str, sample.known(chosen.version))))):
        raise Doubt(f"{why}, and {chosen.version} counts down", *_ANSWERS)


def _decreases(name: str, cells: Sequence[Any]) -> bool:
    """Return whether a column that numbers rows decreases with nearly every row."""
    if _NUMBERED.isdisjoint(tokens(name)) or len(cells) < _LEAST:
        return False
    try:
        numbers = [int(cell) for cell in cells]
    except (TypeError, ValueError, OverflowError):
        return False
    down = sum(after < before for before, after in pairwise(numbers))
    return down > 0.9 * (len(numbers) - 1)


def _counts_down(versions: Sequence[str]) -> bool:
    """Return whether numbered versions decrease in the order of their first use."""
    numbers = []
    for version in versions:
        digits = "".join(char if char.isdigit() else " " for char in version).split()
        if not digits or len(version) > 20:
            return False
        numbers.append([int(part) for part in digits[:4]])
    return len(numbers) > 1 and numbers == sorted(numbers, reverse=True)


def order_notes(dataset: Dataset) -> list[str]:
    """Return notes about the replayed order."""
    notes = []
    if dataset.newest_first and (not dataset.timed or dataset.trend in ("descending", "flat")):
        notes.append("the file has its newest rows first")
    if dataset.timed and len(dataset.at) > 1 and len(np.unique(dataset.at)) <= 0.5 * len(dataset.at):
        notes.append("rows with equal times are in the order of the file")
    if dataset.repeated:
        notes.append(
            f"{dataset.repeated:,} times are in an hour that the end of summer time repeats; "
            "they are ordered by the order of the file"
        )
    return notes
