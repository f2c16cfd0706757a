"""HTTP API of bisections: which changes of an edit made answers worse."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends
from sqlalchemy.ext.asyncio import AsyncEngine

from evaluator.api.evaluation_models import BisectionPage
from evaluator.storage.bisections import BisectionRunRepository
from shared.auth.principal import Principal
from shared.web.authentication import require
from shared.web.pagination import Cursor, Keyset, Limit
from shared.web.response_models import describe_response

Reader = Annotated[Principal, Depends(require("read"))]


def bisections_router(engine: AsyncEngine) -> APIRouter:
    """Return `GET /v1/bisections`."""
    router = APIRouter(prefix="/v1/bisections", tags=["evaluations"])

    @router.get("", responses=describe_response(BisectionPage))
    async def bisections(
        principal: Reader, regression_id: UUID | None = None, cursor: Cursor = None, limit: Limit = 20
    ) -> dict[str, Any]:
        """Return bisections, newest first. `result` has the causal changes with their effect, and the fix's digest."""
        scope = (principal.project, principal.environment)
        keyset = Keyset("bisections", datetime, UUID, filters=(*scope, regression_id))
        after = keyset.decode(cursor)
        async with engine.connect() as conn:
            found = await BisectionRunRepository(conn).list_bisections(scope, regression_id, after, limit)
        return keyset.page(found, limit, key=lambda it: (it["requested_at"], it["id"]), view=dict)

    return router
