"""`GET /v1/drafts`: for each regression the proposed fix, or the reason why there is none."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter
from sqlalchemy.ext.asyncio import AsyncEngine

from proposer.api.parameters import Cursor, Limit, Reader, page
from proposer.storage.queries import list_drafts


def drafts_router(engine: AsyncEngine) -> APIRouter:
    """Return the router; it reads on connections of `engine`."""
    router = APIRouter(prefix="/v1")

    @router.get("/drafts")
    async def drafts(
        principal: Reader, regression_id: UUID | None = None, limit: Limit = 100, cursor: Cursor = 0
    ) -> dict[str, Any]:
        scope = (principal.project, principal.environment)
        async with engine.connect() as conn:
            return page(await list_drafts(conn, scope, regression_id, (cursor, limit)), cursor, limit)

    return router
