"""Normalization of a text for detection: digits of other scripts, full-width letters, spaces and dashes become ASCII.

It is used for detection only: findings are mapped back to the original text.
"""

import re
import unicodedata
from bisect import bisect_left, bisect_right
from itertools import accumulate

from ratchet.sanitize import is_invisible

_CACHE_SIZE = 4096
_NON_ASCII = re.compile(r"[^\x00-\x7f]")
_DOTS = "\u3002\uff61\u2024\u00b7\u2022\u2027\u30fb"
"""Characters used as a full stop in a number or an address."""


class Folding(dict[int, str]):
    """A bounded cache of code point → normalized form, for `str.translate`."""

    def __missing__(self, code: int) -> str:
        folded = fold_character(chr(code))
        if len(self) < _CACHE_SIZE:
            self[code] = folded
        return folded


def fold_character(character: str) -> str:
    """Return the normalized form of a character: NFKC with ASCII digits, spaces and dashes; "" if it is invisible."""
    if character.isascii():
        return character
    category = unicodedata.category(character)
    if category == "Nd":
        return str(unicodedata.digit(character))
    if category == "Zs":
        return " "
    if category == "Pd" or character == "\u2212":
        return "-"
    if character in _DOTS:
        return "."
    if is_invisible(character):
        return ""
    return unicodedata.normalize("NFKC", character)


class Folded:
    """A normalized text, with the positions of its characters in the original."""

    def __init__(self, text: str, folding: Folding) -> None:
        self._source = text
        self._folding = folding
        self._ends: list[int] | None = None
        self.text = text if text.isascii() else text.translate(folding)

    def origin(self, start: int, end: int) -> tuple[int, int]:
        """Return the bounds in the original of the characters `start` to `end`."""
        if self._source.isascii():
            return start, end
        if self._ends is None:
            self._ends = list(accumulate(len(self._folding[ord(c)]) for c in self._source))
        return bisect_right(self._ends, start), bisect_left(self._ends, end) + 1
