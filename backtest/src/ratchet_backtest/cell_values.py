"""Cells as values. What cannot be read raises ValueError with a reason that reads on after "line 7: it"."""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ratchet.tables.missing_values import is_blank
from ratchet.tables.numbers import MISSING, YES_NO, Mark, Read, folded, parse
from shared.metric_catalog import Meaning, meaning_of, normalized_label

THUMBS: Mapping[str, float] = {
    **dict.fromkeys(("up", "thumbs up", "thumb up", "thumbsup", "like", "liked", "👍", "upvote"), 1.0),
    **dict.fromkeys(("down", "thumbs down", "thumb down", "thumbsdown", "dislike", "disliked", "👎", "downvote"), 0.0),
    **dict.fromkeys(("positive", "good"), 1.0),
    **dict.fromkeys(("negative", "bad"), 0.0),
}
"""Words for a thumb, whatever the column is called."""
_OUTCOMES: Mapping[str, float] = {
    **dict.fromkeys(("error", "timeout", "failed", "failure", "fail", "exception", "errored", "timed out"), 1.0),
    **dict.fromkeys(("ok", "success", "succeeded", "completed", "passed", "done", "finished"), 0.0),
}
_DURATION = re.compile(r"(.*?)\s*(ms|msec|milliseconds?|s|sec|secs|seconds?|min|minutes?)", re.IGNORECASE)
_TONES = re.compile("[\U0001f3fb-\U0001f3ff\ufe0f]")
_MOST_BROKEN = 0.1
"""A column of which a larger share of cells cannot be read is not what it is taken for."""


class UncountedCell(ValueError):
    """The cell says something that is no value: a neutral label."""


def numeric(low: float, high: float, mark: Mark = "point", words: bool = False) -> Read:
    """Numbers on a scale from `low` to `high`; a percentage or a fraction is a share of it. `words` allows yes and no.

    Stars count as they are written, and only on a scale that ends at 5.
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
    """An amount; times `unit`."""

    def slow(cell: Any) -> float:
        found = parse(cell, mark)
        if found is not None and found.unit:
            raise ValueError("is not an amount")
        return MISSING if found is None else found.value

    plain = _fast(slow, mark)
    return plain if unit == 1.0 else lambda cell: unit * plain(cell)


def duration(mark: Mark = "point", unit: float = 1.0) -> Read:
    """Milliseconds, of numbers that are `unit` milliseconds each unless the cell names its own unit."""
    plain = amount(mark)

    def read(cell: Any) -> float:
        if type(cell) is str and (found := _DURATION.fullmatch(cell.strip())):
            name = found[2].casefold()
            return plain(found[1]) * (1.0 if name.startswith(("ms", "mil")) else 60_000.0 if name[0] == "m" else 1000.0)
        return unit * plain(cell)

    return read


def _fast(slow: Read, mark: Mark) -> Read:
    """Plain numbers at once, the others by `slow`."""
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
    """1 for up and 0 for down: in words, as yes and no, as 1 and 0, or as 1 and -1."""
    if type(cell) is str:
        word = _TONES.sub("", folded(cell))
        if word in THUMBS:
            return THUMBS[word]
    return _binary(cell, "is no thumb up or down", down=-1.0)


def thumb_word(cell: Any) -> float:
    """1 and 0 for words that mean a thumb up or down by themselves."""
    word = _TONES.sub("", folded(cell)) if type(cell) is str else ""
    if word in THUMBS:
        return THUMBS[word]
    raise ValueError("is no thumb up or down")


def label(name: str, meanings: Mapping[str, Meaning]) -> Read:
    """1 for a good word and 0 for a bad one, of labels called `name`; `meanings` are those that were given."""
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


def leveled(levels: Mapping[str, float]) -> Read:
    """The level of a word on a scale of words."""

    def read(cell: Any) -> float:
        if is_blank(cell):
            return MISSING
        level = levels.get(folded(cell))
        if level is None:
            raise ValueError("is no word of this scale")
        return level

    return read


def failure(cell: Any) -> float:
    """1 for an outcome that failed, 0 for one that did not."""
    if type(cell) is str:
        word = folded(cell)
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
    """Whether a cell holds something that `read` can read."""
    try:
        found = read(cell)
    except UncountedCell:
        return True
    except ValueError:
        return False
    return found == found


def readable(cells: Sequence[Any], read: Callable[[Any], float]) -> bool:
    """Whether `read` can read nearly all of these cells: a few may be broken."""
    if not cells:
        return False
    try:
        counts = Counter(cells)
    except TypeError:  # some are lists or objects
        return sum(reads(cell, read) for cell in cells) >= (1.0 - _MOST_BROKEN) * len(cells)
    return sum(n for cell, n in counts.items() if reads(cell, read)) >= (1.0 - _MOST_BROKEN) * len(cells)
