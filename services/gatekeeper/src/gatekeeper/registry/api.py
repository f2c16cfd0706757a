"""What prompts there are, and what each was before."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from sqlalchemy.ext.asyncio import AsyncEngine

from gatekeeper.pages import Limit, page
from gatekeeper.registry import store
from shared.web.keys import Principal, require

Reader = Annotated[Principal, Depends(require("read"))]


def registry_router(engine: AsyncEngine) -> APIRouter:
    """Routes under `/v1/prompts` that people read."""
    router = APIRouter(prefix="/v1/prompts", tags=["prompts"])

    @router.get("")
    async def prompts(who: Reader, after: str = "", limit: Limit = 100) -> dict[str, Any]:
        """All names, with what is live and what was observed around Ratchet; `reviewed` false is unreviewed."""
        async with engine.connect() as conn:
            found = await store.prompts(conn, who.project, who.environment, after, limit)
        return page(found, limit, "name")

    @router.get("/{name}/versions")
    async def versions(
        who: Reader, name: str, before: Annotated[int, Query(ge=1)] = 2**62, limit: Limit = 20
    ) -> dict[str, Any]:
        """What was live under a name, newest first. `next` is the `before` of the next page."""
        async with engine.connect() as conn:
            found = await store.versions(conn, who.project, who.environment, name, before, limit)
        return page(found, limit, "sequence")

    return router
