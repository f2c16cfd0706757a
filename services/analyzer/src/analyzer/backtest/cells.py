"""Cells as times and numbers. What can't be read raises ValueError with a reason that reads on after "line 7: it"."""

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time
from typing import Any

from analyzer.metrics import BAD, GOOD

MISSING = math.nan
_NOTHING = frozenset({"", "nan", "null", "none", "na", "n/a", "-"})
_YES: Mapping[str, float] = {
    **dict.fromkeys(("true", "t", "yes", "y"), 1.0),
    **dict.fromkeys(("false", "f", "no", "n"), 0.0),
}
_THUMBS: Mapping[str, float] = {
    **_YES,
    **dict.fromkeys(("up", "thumbs up", "thumb up", "like", "liked", "👍", "positive", "good"), 1.0),
    **dict.fromkeys(("down", "thumbs down", "thumb down", "dislike", "disliked", "👎", "negative", "bad"), 0.0),
}
_LABELS: Mapping[str, float] = {**dict.fromkeys(GOOD, 1.0), **dict.fromkeys(BAD, 0.0)}
_OUTCOMES: Mapping[str, float] = {
    **_YES,
    **dict.fromkeys(("error", "timeout", "failed", "failure", "fail", "exception"), 1.0),
    **dict.fromkeys(("ok", "success", "succeeded", "completed", "passed", "done"), 0.0),
}
# Unix times from 1990 to 2100, in seconds; a thousandth, millionth or billionth of a number that lies there.
_EARLIEST, _LATEST = 631_152_000.0, 4_102_444_800.0
_UNITS = (1.0, 1e3, 1e6, 1e9)
_NO_TIME = "has a time that can't be read"


def missing(cell: Any) -> bool:
    """Whether a cell holds nothing, however that is written."""
    return cell is None or cell != cell or (type(cell) is str and cell.strip().casefold() in _NOTHING)


def moment(cell: Any) -> float:
    """Unix time of an ISO 8601 date or time (without an offset: UTC), a Unix time in s, ms, µs or ns, or a datetime."""
    if type(cell) is str:
        try:
            return _seconds(datetime.fromisoformat(cell))
        except ValueError:
            return _written(cell.strip())
    if isinstance(cell, datetime):
        return _seconds(cell)
    if isinstance(cell, date):
        return _seconds(datetime.combine(cell, time()))
    if isinstance(cell, int | float) and cell == cell:
        return _unix(cell)
    raise ValueError("has no time" if missing(cell) else _NO_TIME)


def _written(text: str) -> float:
    if missing(text):
        raise ValueError("has no time")
    try:
        if text.endswith(" UTC"):
            return _seconds(datetime.fromisoformat(text.removesuffix(" UTC")))
        return _unix(float(text))
    except ValueError:
        raise ValueError(_NO_TIME) from None


def _seconds(found: datetime) -> float:
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def _unix(number: float) -> float:
    for unit in _UNITS:
        if _EARLIEST <= number / unit <= _LATEST:
            return number / unit
    raise ValueError(_NO_TIME)


def number(cell: Any) -> float:
    """A number, from digits (a % is passed over), yes or no; `MISSING` where there is nothing."""
    if cell is None:
        return MISSING
    try:
        return float(cell)
    except OverflowError:
        return math.inf
    except (TypeError, ValueError):
        return _written_number(cell)


def _written_number(cell: Any) -> float:
    if missing(cell):
        return MISSING
    plain = cell.strip().casefold() if type(cell) is str else ""
    if plain in _YES:
        return _YES[plain]
    if plain.endswith("%"):
        return number(plain[:-1])
    raise ValueError("is not a number")


def thumb(cell: Any) -> float:
    """1 for up and 0 for down: in words, as 1 and 0, or as 1 and -1."""
    return _coded(cell, _THUMBS, "is no thumb up or down", down=-1.0)


def label(cell: Any) -> float:
    """1 for a good word and 0 for a bad one."""
    return _coded(cell, _LABELS, "is a label of unknown meaning")


def failure(cell: Any) -> float:
    """1 for an outcome that failed, 0 for one that did not."""
    return _coded(cell, _OUTCOMES, "is an outcome of unknown meaning")


def _coded(cell: Any, words: Mapping[str, float], reason: str, down: float = 0.0) -> float:
    if type(cell) is str:
        word = cell.strip().casefold().replace("_", " ").replace("-", " ")
        if word in words:
            return words[word]
    try:
        found = number(cell)
    except ValueError:
        raise ValueError(reason) from None
    if found != found or found == 1.0:
        return found
    if found == 0.0 or found == down:
        return 0.0
    raise ValueError(reason)


def reads(cell: Any, read: Callable[[Any], float]) -> bool:
    """Whether a cell holds something that `read` can read."""
    try:
        found = read(cell)
    except ValueError:
        return False
    return found == found


def readable(cells: Sequence[Any], read: Callable[[Any], float]) -> bool:
    """Whether `read` can read nearly all of these cells: a few may be broken."""
    return bool(cells) and sum(reads(cell, read) for cell in cells) >= 0.9 * len(cells)
