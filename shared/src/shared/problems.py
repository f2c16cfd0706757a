"""Problem details (RFC 9457): error responses with a code for programs and a reason for people."""

import json
from collections.abc import Mapping, Sequence
from typing import Any


class Problem(Exception):
    """An HTTP error response (RFC 9457). `code` is from a closed set, for programs; `errors` names the wrong fields."""

    def __init__(
        self,
        status: int,
        code: str,
        title: str,
        detail: str | None = None,
        errors: Sequence[dict[str, str]] = (),
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(title)
        self.status = status
        self.code = code
        self.title = title
        self.detail = detail
        self.errors = list(errors)
        self.headers = headers or {}

    def body(self) -> dict[str, Any]:
        """Return the members of the problem document."""
        document: dict[str, Any] = {
            "type": f"urn:ratchet:problem:{self.code}",
            "title": self.title,
            "status": self.status,
            "code": self.code,
        }
        if self.detail:
            document["detail"] = self.detail
        if self.errors:
            document["errors"] = self.errors
        return document

    def encoded(self) -> bytes:
        """Return the document as JSON bytes: ASCII only, so that no echoed name can break it."""
        return json.dumps(self.body()).encode()


def invalid(field: str, reason: str, status: int = 422) -> Problem:
    """Return the Problem of a wrong field, with status 422 by default."""
    shown = printable(field)
    return Problem(
        status, "invalid", "The request is not valid", f"{shown}: {reason}", [{"field": shown, "reason": reason}]
    )


def printable(name: str, limit: int = 120) -> str:
    """Return a field's name without control characters and surrogates, cut after `limit` characters."""
    shown = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in name[:limit])
    return shown if len(name) <= limit else shown + "…"


def reason_of(fault: Mapping[str, Any]) -> str:
    """Return what is wrong with a field, from one of pydantic's errors."""
    context = fault.get("ctx", {})
    match fault["type"]:
        case "too_short" | "string_too_short" if "min_length" in context:
            return f"must have a length of at least {context['min_length']}"
        case "too_long" | "string_too_long" if "max_length" in context:
            return f"must have a length of at most {context['max_length']}"
        case "string_pattern_mismatch" if r"[^\x00" in context.get("pattern", ""):
            return "must not contain a control character"
        case "extra_forbidden":
            return "is not a known field"
        case "missing":
            return "is missing"
    return str(fault["msg"]).removeprefix("Value error, ")
