"""The error of this package, and paths of fields in a document."""

import re

from ratchet.errors import RatchetError

_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


class PromptError(RatchetError, ValueError):
    """A document, a variable or an example is invalid.

    `field` is its path, such as `messages[0].content`; `reason` says what is wrong. Neither contains the invalid text,
    so both may be logged.
    """

    code = "invalid-prompt"

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


def at(field: str, key: str | int) -> str:
    """Return the path of `key` in `field`: `a.b`, `a[0]`, or `a["x.y"]` where the key has other characters."""
    if isinstance(key, int):
        return f"{field}[{key}]"
    if not ((key.isascii() and key.isidentifier()) or _PLAIN_KEY.fullmatch(key)):
        return f"{field}[{quoted(key)}]"
    return f"{field}.{key}" if field else key


def quoted(text: str) -> str:
    """Return `text` as a short printable ASCII word, safe in a log line."""
    shown = text if len(text) <= 64 else text[:64] + "…"
    escaped = shown.encode("ascii", "backslashreplace").decode().replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in escaped) + '"'
