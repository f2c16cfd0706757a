"""One form of a text for detection: other scripts' digits, full-width letters, special spaces and dashes become ASCII.

Nothing of this is kept: what is found is mapped back to the text as it came.
"""

import re
import unicodedata
from bisect import bisect_left, bisect_right
from itertools import accumulate

from ratchet.sanitize import is_invisible

_REMEMBERED = 4096
_NON_ASCII = re.compile(r"[^\x00-\x7f]")
_DOTS = "\u3002\uff61\u2024\u00b7\u2022\u2027\u30fb"
"""Dots that stand for a full stop inside a number or an address."""


class Folding(dict[int, str]):
    """Code point → its form. Filled as characters come, up to a bound: most texts use few."""

    def __missing__(self, code: int) -> str:
        folded = fold_character(chr(code))
        if len(self) < _REMEMBERED:
            self[code] = folded
        return folded


def fold_character(character: str) -> str:
    """The form of one character: NFKC, with ASCII digits, spaces and dashes; "" for what no reader sees."""
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
    """A text in the form for detection, and the way back."""

    def __init__(self, text: str, folding: Folding) -> None:
        self._source = text
        self._folding = folding
        self._ends: list[int] | None = None
        self.text = text if text.isascii() else text.translate(folding)

    def origin(self, start: int, end: int) -> tuple[int, int]:
        """Where in the source the characters `start` to `end` of the form came from."""
        if self._source.isascii():
            return start, end
        if self._ends is None:
            self._ends = list(accumulate(len(self._folding[ord(c)]) for c in self._source))
        return bisect_right(self._ends, start), bisect_left(self._ends, end) + 1
