"""Reading a request's JSON body strictly: size, type, and every field by name."""

import re
from datetime import datetime
from typing import Any

from fastapi import Request

from ratchet.prompt import PromptError, prompt_name
from shared.problems import Problem, invalid
from shared.strict_json import strict_json

MAX_BODY = 512 * 1024
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


async def read_fields(request: Request, *, optional: bool = False) -> "Fields":
    """The object in the body; without fields where an `optional` body is empty. Raises Problem 413, 415, 400 or 422."""
    if optional and request.headers.get("content-length", "0") == "0" and "transfer-encoding" not in request.headers:
        return Fields({})
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Problem(415, "unsupported-media-type", "Send application/json", f"the body is {kind[:60] or 'untyped'}")
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise Problem(415, "unsupported-media-type", "Send the body uncompressed", "content-encoding is not taken")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            raise Problem(413, "too-large", "The body is too large", f"at most {MAX_BODY} bytes")
    value = strict_json(bytes(body))
    if not isinstance(value, dict):
        raise invalid("body", "must be an object")
    return Fields(value)


class Fields:
    """Takes one field after another; `end` refuses what is left over. Each raises Problem 422 that names the field."""

    def __init__(self, values: dict[str, Any]) -> None:
        self._left = dict(values)

    def text(self, name: str, limit: int = 200, *, empty: bool = False) -> str:
        """A text of at most `limit` characters."""
        value = self._left.pop(name, None)
        if not isinstance(value, str):
            raise invalid(name, "must be a text")
        if len(value) > limit or not (value or empty):
            raise invalid(name, f"must have {0 if empty else 1} to {limit} characters")
        return value

    def word(self, name: str, limit: int = 200) -> str:
        """A text of 1 to `limit` characters without control characters: what the collector takes as a target."""
        value = self.text(name, limit)
        if _CONTROL.search(value):
            raise invalid(name, "must not hold a control character")
        return value

    def prompt_name(self, name: str) -> str:
        """The name of a prompt, in NFC."""
        try:
            return prompt_name(self._left.pop(name, None))
        except PromptError as error:
            raise invalid(name, error.reason) from None

    def optional_text(self, name: str, limit: int) -> str:
        """A text of at most `limit` characters; "" where the field is missing."""
        return self.text(name, limit, empty=True) if name in self._left else ""

    def choice(self, name: str, *allowed: str) -> str:
        """One of some words."""
        value = self._left.pop(name, None)
        if value not in allowed:
            raise invalid(name, f"must be one of {', '.join(allowed)}")
        return str(value)

    def choices(self, name: str, *allowed: str) -> list[str]:
        """A list of one or more of some words, each once, in the order of `allowed`."""
        value = self._left.pop(name, None)
        if not isinstance(value, list) or not value or any(word not in allowed for word in value):
            raise invalid(name, f"must be a list of {', '.join(allowed)}")
        return [word for word in allowed if word in value]

    def digest(self, name: str) -> str:
        """`sha256:` and 64 hexadecimal digits."""
        value = self._left.pop(name, None)
        if not isinstance(value, str) or not _DIGEST.fullmatch(value):
            raise invalid(name, "must be sha256: and 64 hexadecimal digits")
        return value

    def optional_digest(self, name: str) -> str | None:
        """A digest, or null, or nothing."""
        return None if self._left.get(name) is None and self._drop(name) else self.digest(name)

    def whole(self, name: str, low: int, high: int) -> int:
        """A whole number between two bounds."""
        value = self._left.pop(name, None)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise invalid(name, f"must be a whole number from {low} to {high}")
        return value

    def moment(self, name: str) -> datetime:
        """An RFC 3339 time with its offset."""
        value = self._left.pop(name, None)
        try:
            moment = datetime.fromisoformat(value) if isinstance(value, str) else None
        except ValueError:
            moment = None
        if moment is None or moment.tzinfo is None or not 2000 <= moment.year <= 9000:
            raise invalid(name, "must be a time like 2026-01-31T12:00:00Z")
        return moment

    def object(self, name: str) -> dict[str, Any]:
        """A JSON object, unread."""
        value = self._left.pop(name, None)
        if not isinstance(value, dict):
            raise invalid(name, "must be an object")
        return value

    def end(self) -> None:
        """Refuses fields that nobody asked for."""
        for name in self._left:
            raise invalid(name, "is not a known field")

    def _drop(self, name: str) -> bool:
        self._left.pop(name, None)
        return True
