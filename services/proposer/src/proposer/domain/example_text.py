"""What strangers wrote, made fit to stand in an example: visible characters only, in one form."""

import hashlib
import unicodedata

from ratchet.sanitize import without_any_invisible, without_invisible

MAX_CHARS = 8_000
"""A longer input or output is no example: five of them must fit into one message and one prompt."""


def clean(text: str) -> str:
    """`text` in NFC with LF line ends, without what no reader can see, and without space at its ends.

    A reviewer must see everything that the model will read: `ratchet.sanitize` says what is left out.
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return unicodedata.normalize("NFC", without_invisible(lines)).strip()


def example_text(text: str | None) -> str | None:
    """The clean form, or None where nothing is left or too much."""
    cleaned = clean(text) if text else ""
    return cleaned if 0 < len(cleaned) <= MAX_CHARS else None


def input_key(text: str) -> str:
    """The same key for inputs that differ only in case, white space or invisible characters."""
    shown = unicodedata.normalize("NFC", without_any_invisible(clean(text)))
    return hashlib.sha256(" ".join(shown.casefold().split()).encode()).hexdigest()
