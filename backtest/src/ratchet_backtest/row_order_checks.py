"""Whether the order of a file without times can be relied on, and what is to be said about the order of any."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from ratchet.tables import Doubt, Option, Sample
from ratchet_backtest.columns import Columns
from ratchet_backtest.dataset import Dataset
from shared.metric_catalog import tokens

_NUMBERED = frozenset(tokens("id index idx row number no nr run step unnamed seq sequence"))
_LEAST = 10
_ANSWERS = (
    Option("--newest-first", "the newest rows come first", "newest_first", True),
    Option("--oldest-first", "the oldest rows come first", "newest_first", False),
)


def ask_order(sample: Sample, chosen: Columns, newest_first: bool | None) -> None:
    """Raise Doubt where a file has no times, or only equal ones, and the newest rows may come first."""
    if newest_first is not None:
        return
    if chosen.untimed:
        pattern = Option(
            "--time-format PATTERN", "its times are written as this pattern of strptime", "time_format", None
        )
        raise Doubt(chosen.untimed, pattern, *_ANSWERS)
    why = f"all times in {chosen.time} are equal" if chosen.time else "there are no times"
    for name, cells in sample.columns.items():
        if name not in chosen.values and _falls(name, cells):
            raise Doubt(f"{why}, and {name} counts down", *_ANSWERS)
    if chosen.version and _counts_down(list(dict.fromkeys(map(str, sample.known(chosen.version))))):
        raise Doubt(f"{why}, and {chosen.version} counts down", *_ANSWERS)


def _falls(name: str, cells: Sequence[Any]) -> bool:
    """Whether a column that numbers rows goes down with nearly every row."""
    if _NUMBERED.isdisjoint(tokens(name)) or len(cells) < _LEAST:
        return False
    try:
        numbers = [int(cell) for cell in cells]
    except (TypeError, ValueError, OverflowError):
        return False
    down = sum(after < before for before, after in pairwise(numbers))
    return down > 0.9 * (len(numbers) - 1)


def _counts_down(versions: Sequence[str]) -> bool:
    """Whether versions with numbers, in the order in which they come into use, go down."""
    numbers = []
    for version in versions:
        digits = "".join(char if char.isdigit() else " " for char in version).split()
        if not digits or len(version) > 20:
            return False
        numbers.append([int(part) for part in digits[:4]])
    return len(numbers) > 1 and numbers == sorted(numbers, reverse=True)


def order_notes(past: Dataset) -> list[str]:
    """What is to be said about the order in which rows were taken."""
    notes = []
    if past.newest_first and (not past.timed or past.trend in ("descending", "flat")):
        notes.append("the newest rows come first in the file")
    if past.timed and len(past.at) > 1 and len(set(past.at)) <= 0.5 * len(past.at):
        notes.append("rows of equal times count in the order of the file")
    if past.repeated:
        notes.append(
            f"{past.repeated:,} times lie in an hour that the end of summer time repeats; the order of the file tells "
            "its two passes apart"
        )
    return notes
