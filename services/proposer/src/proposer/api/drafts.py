"""`GET /v1/drafts`: for each regression the proposed fix, or the reason why there is none."""

from datetime import datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter
from sqlalchemy.ext.asyncio import AsyncEngine

from proposer.api.parameters import Limit, Reader
from proposer.storage.queries import list_drafts
from shared.web.pagination import Cursor, decode_cursor, page


def drafts_router(engine: AsyncEngine) -> APIRouter:
    """Return the router; it reads on connections of `engine`."""
    router = APIRouter(prefix="/v1")

    @router.get("/drafts")
    async def drafts(
        principal: Reader, regression_id: UUID | None = None, limit: Limit = 100, cursor: Cursor = None
    ) -> dict[str, Any]:
        scope = (principal.project, principal.environment)
        after = decode_cursor(cursor, datetime, UUID) if cursor is not None else None
        async with engine.connect() as conn:
            found = await list_drafts(conn, scope, regression_id, after, limit)
        return page(found, limit, "changed_at", "regression_id")

    return router
