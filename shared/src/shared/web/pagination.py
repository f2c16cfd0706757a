"""Keyset pagination of list routes: an opaque `cursor` in, `{"items": […], "next": cursor or null}` out (pure)."""

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from hashlib import blake2b
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query

from shared.problems import invalid

Cursor = Annotated[
    str | None, Query(max_length=2000, description="The `next` of the page before; the first page without")
]
Limit = Annotated[int, Query(ge=1, le=100, description="The largest number of items in the page")]
LongLimit = Annotated[int, Query(ge=1, le=1000, description="The largest number of items in the page")]

KeyPart = str | int | datetime | UUID
"""What a list is sorted by. PostgreSQL must be able to hold it: integers of 64 bits, no NUL."""

_INT64 = 2**63


def page(items: Sequence[Mapping[str, Any]], limit: int, *key: str, **extra: Any) -> dict[str, Any]:
    """Return a page of at most `limit` items. `key`: the fields of an item that the list is sorted by, in order.

    `next` is null if there are fewer than `limit` items; otherwise the next page may be empty.
    """
    following = encode_cursor(*(items[-1][field] for field in key)) if items and len(items) >= limit else None
    return {"items": list(items), "next": following, **extra}


def encode_cursor(*key: KeyPart, filters: object = None) -> str:
    """Return the cursor of the page that follows the item with this sort key, in a list with these `filters`.

    `filters` is a value whose `repr` is the same for the same filters in all processes; None binds the cursor to none.
    """
    parts = [
        part.isoformat() if isinstance(part, datetime) else str(part) if isinstance(part, UUID) else part
        for part in (*key, *_digests(filters))
    ]
    text = json.dumps(parts, ensure_ascii=False, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def decode_cursor(cursor: str | None, *types: type[KeyPart], filters: object = None) -> tuple[Any, ...]:
    """Return the sort key in a cursor, one value for each of `types`; as many None without a cursor.

    Raises Problem 422 that names `cursor` if it was not made by `encode_cursor` with these types and filters.
    """
    if cursor is None:
        return (None,) * len(types)
    digests = _digests(filters)
    parts = _parts(cursor, (*types, *(str for _ in digests)))
    if parts[len(types) :] != digests:
        raise invalid("cursor", "belongs to a list with other filters: repeat them, or leave out the cursor")
    return parts[: len(types)]


def _digests(filters: object) -> tuple[str, ...]:
    """Return the part of a cursor that identifies the filters; nothing for None."""
    return () if filters is None else (blake2b(repr(filters).encode(), digest_size=8).hexdigest(),)


def _parts(cursor: str, types: Sequence[type[KeyPart]]) -> tuple[Any, ...]:
    try:
        parts = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True))
        if not isinstance(parts, list):
            raise TypeError("not a list")
        return tuple(_READERS[kind](part) for kind, part in zip(types, parts, strict=True))
    except (ValueError, TypeError, RecursionError):
        raise invalid("cursor", "must be the `next` of a page of this list") from None


def _text(part: object) -> str:
    if not isinstance(part, str) or "\0" in part:
        raise TypeError("not a text")
    part.encode()
    return part


def _integer(part: object) -> int:
    if not isinstance(part, int) or isinstance(part, bool) or not -_INT64 <= part < _INT64:
        raise TypeError("not an integer of 64 bits")
    return part


def _time(part: object) -> datetime:
    moment = datetime.fromisoformat(_text(part))
    if moment.tzinfo is None or not 1 < moment.year < 9999:
        raise ValueError("not a time with an offset")
    return moment


_READERS: Mapping[type[KeyPart], Callable[[object], KeyPart]] = {
    str: _text,
    int: _integer,
    datetime: _time,
    UUID: lambda part: UUID(_text(part)),
}
