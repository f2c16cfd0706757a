"""Keyset pagination of list routes: an opaque `cursor` in, `{"items": […], "next": cursor or null}` out (pure)."""

import base64
import json
import math
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from hashlib import blake2b
from typing import Annotated, Any, TypeVar
from uuid import UUID

from fastapi import Query

from shared.problems import invalid

Cursor = Annotated[
    str | None, Query(max_length=2000, description="The `next` of the page before; the first page without")
]
Limit = Annotated[int, Query(ge=1, le=100, description="The largest number of items in the page")]
LongLimit = Annotated[int, Query(ge=1, le=1000, description="The largest number of items in the page")]

KeyPart = str | int | float | datetime | UUID
"""What a list is sorted by. PostgreSQL must be able to hold it: integers of 64 bits, no NUL."""

_INT64 = 2**63

R = TypeVar("R")


class Keyset:
    """Keyset pagination of one list: the types of its sort key, and the filters that its cursors belong to.

    A cursor is refused in any other list, so that a page never continues a list of other items.
    """

    def __init__(self, name: str, *types: type[KeyPart], filters: Sequence[object]) -> None:
        """`filters`: all that selects or orders the items of the list `name`: what the caller may see, and parameters.

        Their `repr` must be the same in all processes for the same filters.
        """
        self._types = types
        self._filters = blake2b(repr((name, *filters)).encode(), digest_size=8).hexdigest()

    def decode(self, cursor: str | None) -> tuple[Any, ...]:
        """Return the sort key of the item before the page, one value for each type; as many None without a cursor.

        Raises Problem 422 that names `cursor` unless `encode` made it for this list.
        """
        if cursor is None:
            return (None,) * len(self._types)
        *key, filters = _parts(cursor, (*self._types, str))
        if filters != self._filters:
            raise invalid("cursor", "belongs to a list with other filters: repeat them, or leave out the cursor")
        return tuple(key)

    def encode(self, *key: KeyPart) -> str:
        """Return the cursor of the page that follows the item with this sort key."""
        parts = [
            part.isoformat() if isinstance(part, datetime) else str(part) if isinstance(part, UUID) else part
            for part in (*key, self._filters)
        ]
        text = json.dumps(parts, ensure_ascii=False, separators=(",", ":"))
        return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()

    def page(
        self,
        rows: Sequence[R],
        limit: int,
        key: Callable[[R], Sequence[KeyPart]],
        view: Callable[[R], object],
        **extra: Any,
    ) -> dict[str, Any]:
        """Return a page of at most `limit` items, each the `view` of a row; `key` returns the sort key of a row.

        `next` is null if there are fewer than `limit` rows; otherwise the next page may be empty.
        """
        following = self.encode(*key(rows[-1])) if rows and len(rows) >= limit else None
        return {"items": [view(row) for row in rows], "next": following, **extra}


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


def _number(part: object) -> float:
    if not isinstance(part, float) or not math.isfinite(part):
        raise TypeError("not a finite number")
    return part


def _time(part: object) -> datetime:
    moment = datetime.fromisoformat(_text(part))
    if moment.tzinfo is None or not 1 < moment.year < 9999:
        raise ValueError("not a time with an offset")
    return moment


_READERS: Mapping[type[KeyPart], Callable[[object], KeyPart]] = {
    str: _text,
    int: _integer,
    float: _number,
    datetime: _time,
    UUID: lambda part: UUID(_text(part)),
}
