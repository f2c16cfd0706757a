"""Lists over HTTP: `{"items": […], "next": cursor or null}` (pure)."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import Query

Limit = Annotated[int, Query(ge=1, le=100)]


def page(items: Sequence[dict[str, Any]], limit: int, cursor: str) -> dict[str, Any]:
    """A page; `next` is the last item's `cursor` where there may be more."""
    full = len(items) >= limit
    return {"items": list(items), "next": items[-1][cursor] if full and items else None}
