"""`GET /v1/pull-requests` and `/v1/repository-texts`: pull requests of proposals, and texts in repositories."""

from datetime import datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter
from sqlalchemy.ext.asyncio import AsyncEngine

from proposer.api.parameters import Limit, Reader, Word
from proposer.api.pull_request_models import PullRequestPage, RepositoryTextPage
from proposer.storage.pull_request_queries import list_pull_requests, list_repository_texts
from shared.web.pagination import Cursor, Keyset
from shared.web.response_models import describe_response


def pull_requests_router(engine: AsyncEngine) -> APIRouter:
    """Return the router; it reads on connections of `engine`."""
    router = APIRouter(prefix="/v1", tags=["proposals"])

    @router.get("/pull-requests", responses=describe_response(PullRequestPage))
    async def pull_requests(
        principal: Reader, proposal_id: UUID | None = None, name: Word = None, limit: Limit = 100, cursor: Cursor = None
    ) -> dict[str, Any]:
        """Return pull requests with their checks, latest first."""
        scope = (principal.project, principal.environment)
        keyset = Keyset("pull-requests", datetime, UUID, filters=(*scope, proposal_id, name))
        created_at, last = keyset.decode(cursor)
        after = None if cursor is None else (created_at, last)
        async with engine.connect() as conn:
            found = await list_pull_requests(conn, scope, proposal_id, name, after, limit)
        return keyset.page(found, limit, key=lambda row: (row["created_at"], row["proposal_id"]), view=dict)

    @router.get("/repository-texts", responses=describe_response(RepositoryTextPage))
    async def repository_texts(
        principal: Reader, name: Word = None, limit: Limit = 100, cursor: Cursor = None
    ) -> dict[str, Any]:
        """Return the prompts that have their home in a repository, and whether its text is the one in use."""
        scope = (principal.project, principal.environment)
        keyset = Keyset("repository-texts", str, filters=(*scope, name))
        (last,) = keyset.decode(cursor)
        async with engine.connect() as conn:
            found = await list_repository_texts(conn, scope, name, None if cursor is None else last, limit)
        return keyset.page(found, limit, key=lambda row: (row["name"],), view=dict)

    return router
