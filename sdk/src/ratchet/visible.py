"""Text that strangers wrote, made safe to look at."""

import re
import unicodedata

_SUSPECT = re.compile(r"[^\x20-\x7e]|\\(?=u\{)")
_HIDING = ("Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp")


def visible(text: str) -> str:
    """One line of text with every invisible character spelled out, such as `\\u{202e}`.

    Covers control characters (so terminal escapes too), bidi overrides, zero-width characters, Unicode tags
    and supplementary variation selectors, where text can hide. Different texts stay different.
    """
    return _SUSPECT.sub(_spelled, text)


def visible_lines(text: str) -> str:
    """Several lines of text, each made `visible`."""
    return "\n".join(visible(line) for line in text.split("\n"))


def _spelled(match: re.Match[str]) -> str:
    character = match[0]
    hides = unicodedata.category(character) in _HIDING or 0xE0100 <= ord(character) <= 0xE01EF
    return f"\\u{{{ord(character):x}}}" if hides or character == "\\" else character
