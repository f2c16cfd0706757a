"""Rows that CloudWatch Logs Insights returns. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any

from pydantic_core import from_json, to_json

TIMESTAMP = "@timestamp"
MESSAGE = "@message"
_POINTER = "@ptr"
"""A reference to the log event, which may be another one in each query."""


@dataclass(frozen=True, slots=True)
class LogRow:
    """A log event, as the fields of a query.

    `number` is the same whenever the event is read by the same query, and differs between events.
    """

    at: datetime
    number: int
    fields: Mapping[str, str]

    def cells(self) -> Mapping[str, Any]:
        """Return the row's fields, and the members of a message in JSON. Parses the message each time."""
        return {**message_members(self.fields.get(MESSAGE)), **self.fields}


def read_row(fields: Sequence[Mapping[str, str]]) -> LogRow:
    """Return a row of a query's result. Raises ValueError where it has no time."""
    found = {it["field"]: it["value"] for it in fields if it["field"] != _POINTER and it.get("value") is not None}
    digest = blake2b(to_json(sorted(found.items())), digest_size=8).digest()
    return LogRow(_time(found.get(TIMESTAMP)), int.from_bytes(digest), found)


def message_members(message: str | None) -> Mapping[str, Any]:
    """Return the members of a JSON object in a message, also after other text, as Lambda's text format has it."""
    start = -1 if message is None else message.find("{")
    if message is None or start < 0:
        return {}
    try:
        found = from_json(message[start:], allow_inf_nan=False)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _time(text: str | None) -> datetime:
    """Return a time: `2026-11-21 12:00:00.000`, which is UTC, or Unix milliseconds."""
    if not text:
        raise ValueError(f"the query must return {TIMESTAMP}")
    try:
        if text.isdecimal():
            return datetime.fromtimestamp(int(text) / 1000.0, UTC)
        moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError):
        raise ValueError(f"{TIMESTAMP} is not a time: {text[:60]!r}") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
