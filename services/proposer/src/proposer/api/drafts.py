"""`GET /v1/drafts`: for each regression the proposed fix, or the reason why there is none."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter
from sqlalchemy.ext.asyncio import AsyncEngine

from proposer.api.parameters import Limit, Reader
from proposer.api.response_models import DraftPage
from proposer.domain.suggestions import suggestion_for
from proposer.storage.queries import list_drafts
from shared.web.pagination import Cursor, Keyset
from shared.web.response_models import describe_response


def drafts_router(engine: AsyncEngine) -> APIRouter:
    """Return the router; it reads on connections of `engine`."""
    router = APIRouter(prefix="/v1", tags=["few-shots"])

    @router.get("/drafts", responses=describe_response(DraftPage))
    async def drafts(
        principal: Reader, regression_id: UUID | None = None, limit: Limit = 100, cursor: Cursor = None
    ) -> dict[str, Any]:
        scope = (principal.project, principal.environment)
        keyset = Keyset("drafts", datetime, UUID, filters=(*scope, regression_id))
        changed_at, last = keyset.decode(cursor)
        async with engine.connect() as conn:
            found = await list_drafts(conn, scope, regression_id, None if cursor is None else (changed_at, last), limit)
        return keyset.page(found, limit, key=_position, view=_view)

    return router


def _view(draft: Mapping[str, Any]) -> dict[str, Any]:
    found = suggestion_for(draft["cause"])
    shown = {name: value for name, value in draft.items() if name != "cause"}
    return {**shown, "suggestion": None if found is None else asdict(found)}


def _position(draft: Mapping[str, Any]) -> tuple[datetime, UUID]:
    return draft["changed_at"], draft["regression_id"]
