"""Search of a long text in windows, with the same result as a search of the whole.

A call of the regular expression engine holds Python's global lock until it returns. A window takes milliseconds at
most, so that other threads run in between.
"""

import re
from collections.abc import Iterator

Bounds = tuple[int, int]

WINDOW = 4096
"""Characters per search."""
REACH = 1536
"""Characters that a search sees behind its window: more than any bounded match and what has to follow it."""


def matches(
    pattern: re.Pattern[str], text: str, start: int = 0, end: int | None = None, margin: int = REACH
) -> Iterator[re.Match[str]]:
    """Yield what `pattern.finditer` finds that starts in `start` to `end`; `margin` characters behind are seen as well.

    A match may only be longer than `REACH` by an unbounded repeat of a character set at its end.
    """
    if end is None and len(text) - start <= WINDOW:
        return pattern.finditer(text, start)
    return _matches(pattern, text, start, len(text) if end is None else end, margin)


def _matches(pattern: re.Pattern[str], text: str, start: int, end: int, margin: int) -> Iterator[re.Match[str]]:
    while start < end:
        stop = min(start + WINDOW, end)
        limit = min(stop + REACH, end + margin)
        follow = stop
        for match in pattern.finditer(text, start, limit):
            if match.start() >= stop:
                break
            if match.end() >= limit:
                match = pattern.match(text, match.start()) or match
            yield match
            follow = max(follow, match.end())
        start = follow


MARGIN = 8
"""Characters around a zone of digits that belong to its numbers or decide about them."""
_DIGITS = re.compile(r"[0-9](?:[ ./()+A-Za-z:_-]{0,3}[0-9]){5,}+")


_RUN = re.compile(r"[0-9](?:[ ./()+_-]{0,3}[0-9])*+")
_MOST_DIGITS_OF_A_RUN = 1_000
_MOMENT = re.compile(r"(?:19|20)[0-9]{2}-[01][0-9]-[0-3][0-9](?:[T ][0-2][0-9]:[0-5][0-9](?::[0-5][0-9])?)?")


def digit_zones(text: str) -> list[Bounds]:
    """Return the bounds of zones of at least six digits, which contain all cards, phone numbers and national ids.

    ISO dates, which are frequent, are left out.
    """
    return [match.span() for match in _DIGITS.finditer(text) if not _MOMENT.fullmatch(match[0])]


def find_dense_digits(text: str) -> Iterator[Bounds]:
    """Yield bounds of more than 1,000 digits with only separators between them.

    They are removed whole: each of a thousand groups could start a card or a phone number. Each run is passed once.
    """
    return (match.span() for match in _RUN.finditer(text) if _digits_in(match[0]) > _MOST_DIGITS_OF_A_RUN)


def _digits_in(run: str) -> int:
    return len(run) if run.isdigit() else sum(map(run.count, "0123456789"))
