"""Parsers of cells. They raise ValueError with a reason that completes "line 7 …"."""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ratchet.tables.missing_values import is_blank
from ratchet.tables.numbers import MISSING, Mark, Read, parse
from ratchet.tables.verbal_scales import THUMBS, YES_NO, normalise_word
from shared.metric_catalog import Meaning, meaning_of, normalized_label

_OUTCOMES: Mapping[str, float] = {
    **dict.fromkeys(("error", "timeout", "failed", "failure", "fail", "exception", "errored", "timed out"), 1.0),
    **dict.fromkeys(("ok", "success", "succeeded", "completed", "passed", "done", "finished"), 0.0),
}
_DURATION = re.compile(r"(.*?)\s*(ms|msec|milliseconds?|s|sec|secs|seconds?|min|minutes?)", re.IGNORECASE)
_TONES = re.compile("[\U0001f3fb-\U0001f3ff\ufe0f]")
_MAX_UNREADABLE = 0.1
"""A column with a larger share of unreadable cells is of another kind."""


class UncountedCell(ValueError):
    """The cell is valid but not counted: a neutral label."""


def numeric(low: float, high: float, mark: Mark = "point", words: bool = False) -> Read:
    """Return a parser of numbers from `low` to `high`; percentages and fractions are shares of the scale.

    `words` allows yes and no. Stars are allowed on a scale that ends at 5 only.
    """

    def slow(cell: Any) -> float:
        found = parse(cell, mark)
        if found is None:
            return MISSING
        match found.unit:
            case "%":
                return low + found.value / 100.0 * (high - low)
            case "/":
                return found.value * high if found.of == high else low + found.value * (high - low)
            case "word" if not words:
                raise ValueError("is not a number")
            case "stars" if high != 5.0:
                raise ValueError("is a number of stars")
        return found.value

    return _fast(slow, mark)


def amount(mark: Mark = "point", unit: float = 1.0) -> Read:
    """Return a parser of amounts, multiplied by `unit`."""

    def slow(cell: Any) -> float:
        found = parse(cell, mark)
        if found is not None and found.unit:
            raise ValueError("is not an amount")
        return MISSING if found is None else found.value

    plain = _fast(slow, mark)
    return plain if unit == 1.0 else lambda cell: unit * plain(cell)


def duration(mark: Mark = "point", unit: float = 1.0) -> Read:
    """Return a parser of durations in ms; numbers are `unit` ms each unless the cell names its unit."""
    plain = amount(mark)

    def read(cell: Any) -> float:
        if type(cell) is str and (found := _DURATION.fullmatch(cell.strip())):
            name = found[2].casefold()
            return plain(found[1]) * (1.0 if name.startswith(("ms", "mil")) else 60_000.0 if name[0] == "m" else 1000.0)
        return unit * plain(cell)

    return read


def _fast(slow: Read, mark: Mark) -> Read:
    """Return a parser that converts plain numbers directly and others by `slow`."""
    comma = mark == "comma"

    def read(cell: Any) -> float:
        kind = type(cell)
        if kind is bool or (comma and kind is str and "." in cell):
            return slow(cell)
        try:
            value = float(cell)
        except (TypeError, ValueError, OverflowError):
            return slow(cell)
        return value if value - value == 0.0 else slow(cell)

    return read


def thumb(cell: Any) -> float:
    """Parse a thumb to 1 (up) or 0 (down): words, yes and no, 1 and 0, or 1 and -1."""
    if type(cell) is str:
        word = _TONES.sub("", normalise_word(cell))
        if word in THUMBS:
            return THUMBS[word]
    return _binary(cell, "is not a thumb up or down", down=-1.0)


def thumb_word(cell: Any) -> float:
    """Parse words for a thumb to 1 (up) or 0 (down)."""
    word = _TONES.sub("", normalise_word(cell)) if type(cell) is str else ""
    if word in THUMBS:
        return THUMBS[word]
    raise ValueError("is not a thumb up or down")


def label(name: str, meanings: Mapping[str, Meaning]) -> Read:
    """Return a parser of labels called `name` to 1 (good) or 0 (bad); `meanings` are the given ones."""
    known: dict[Any, float | ValueError] = {}

    def meant(cell: Any) -> float | ValueError:
        word = normalized_label(str(cell))
        if word not in meanings and is_blank(cell):
            return MISSING
        match meaning_of(word, name, meanings):
            case "good":
                return 1.0
            case "bad":
                return 0.0
            case "neutral":
                return UncountedCell("is a neutral label")
        return ValueError("is a label of unknown meaning")

    def read(cell: Any) -> float:
        key = cell if type(cell) is str else str(cell)
        found = known.get(key)
        if found is None:
            found = known[key] = meant(cell)
        if isinstance(found, ValueError):
            raise found
        return found

    return read


def level_reader(levels: Mapping[str, float]) -> Read:
    """Return a parser of words to their level."""

    def read(cell: Any) -> float:
        if is_blank(cell):
            return MISSING
        level = levels.get(normalise_word(cell))
        if level is None:
            raise ValueError("is not a word of this scale")
        return level

    return read


def failure(cell: Any) -> float:
    """Parse an outcome to 1 (failed) or 0 (succeeded)."""
    if type(cell) is str:
        word = normalise_word(cell)
        if word in _OUTCOMES:
            return _OUTCOMES[word]
    return _binary(cell, "is an outcome of unknown meaning")


def _binary(cell: Any, reason: str, down: float = 0.0) -> float:
    if type(cell) is str and (word := cell.strip().casefold()) in YES_NO:
        return YES_NO[word]
    try:
        found = parse(cell)
    except ValueError:
        raise ValueError(reason) from None
    if found is None:
        return MISSING
    if found.value == 1.0:
        return 1.0
    if found.value in (0.0, down):
        return 0.0
    raise ValueError(reason)


def reads(cell: Any, read: Callable[[Any], float]) -> bool:
    """Return whether `read` can parse the cell."""
    try:
        found = read(cell)
    except UncountedCell:
        return True
    except ValueError:
        return False
    return found == found


def readable(cells: Sequence[Any], read: Callable[[Any], float]) -> bool:
    """Return whether `read` can parse at least 90 % of the cells."""
    if not cells:
        return False
    try:
        counts = Counter(cells)
    except TypeError:  # some are lists or objects
        return sum(reads(cell, read) for cell in cells) >= (1.0 - _MAX_UNREADABLE) * len(cells)
    return sum(n for cell, n in counts.items() if reads(cell, read)) >= (1.0 - _MAX_UNREADABLE) * len(cells)
