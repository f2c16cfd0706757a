"""Normalisation of user texts that become examples."""

import hashlib
import unicodedata

from ratchet.sanitize import without_any_invisible, without_invisible

MAX_CHARS = 8_000
"""Maximum length of an input or output, so that five examples fit into one message and one prompt."""


def normalize_text(text: str) -> str:
    """Return `text` in NFC with LF line ends, without invisible characters and without space at its ends.

    A reviewer must see everything that the model will read; `ratchet.sanitize` lists what is removed.
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return unicodedata.normalize("NFC", without_invisible(lines)).strip()


def example_text(text: str | None) -> str | None:
    """Return the normalised text; None if it is empty or longer than `MAX_CHARS`."""
    normalized = normalize_text(text) if text else ""
    return normalized if 0 < len(normalized) <= MAX_CHARS else None


def input_key(text: str) -> str:
    """Return a hash that is equal for inputs that differ only in case, white space or invisible characters."""
    visible = unicodedata.normalize("NFC", without_any_invisible(normalize_text(text)))
    return hashlib.sha256(" ".join(visible.casefold().split()).encode()).hexdigest()
