"""What strangers wrote, made fit to stand in an example: visible characters only, in one form."""

import hashlib
import unicodedata

MAX_CHARS = 8_000
"""A longer input or output is no example: five of them must fit into one message and one prompt."""

_KEPT_CONTROLS = frozenset("\n\t")
_HIDING = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})
_SMUGGLING = range(0xE0100, 0xE01F0)  # variation selectors supplement: invisible, and each can carry a byte


def clean(text: str) -> str:
    """`text` in NFC with LF line ends, without what no reader can see, and without space at its ends.

    Left out are control characters and all of Unicode's format characters (category Cf: zero-width, bidirectional
    overrides, tags): a reviewer must see everything that the model will read.
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    visible = lines if lines.isascii() and lines.isprintable() else "".join(c for c in lines if _visible(c))
    return unicodedata.normalize("NFC", visible).strip()


def example_text(text: str | None) -> str | None:
    """The clean form, or None where nothing is left or too much."""
    cleaned = clean(text) if text else ""
    return cleaned if 0 < len(cleaned) <= MAX_CHARS else None


def input_key(text: str) -> str:
    """The same key for inputs that differ only in case, white space or invisible characters."""
    return hashlib.sha256(" ".join(clean(text).casefold().split()).encode()).hexdigest()


def _visible(char: str) -> bool:
    if char in _KEPT_CONTROLS:
        return True
    return unicodedata.category(char) not in _HIDING and ord(char) not in _SMUGGLING
