"""Parameters and pages that the routes of the proposer share."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import Depends, Query

from shared.auth.principal import Principal
from shared.web.authentication import require

Reader = Annotated[Principal, Depends(require("read"))]
Word = Annotated[str | None, Query(max_length=256, pattern=r"^[^\x00]+$")]
Limit = Annotated[int, Query(ge=1, le=500)]
Cursor = Annotated[int, Query(ge=0, le=1_000_000)]


def page(items: Sequence[dict[str, Any]], cursor: int, limit: int) -> dict[str, Any]:
    """Return one page of a list; `next` is None on the last one."""
    return {"items": list(items), "next": str(cursor + limit) if len(items) == limit else None}
