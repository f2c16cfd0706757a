"""The audit log over HTTP."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from sqlalchemy.ext.asyncio import AsyncEngine

from gatekeeper.audit import store
from gatekeeper.keys.signer import Signer
from gatekeeper.pages import page
from shared.web.keys import Principal, require
from shared.web.problems import invalid

Reader = Annotated[Principal, Depends(require("read"))]


def audit_router(engine: AsyncEngine, signer: Signer) -> APIRouter:
    """Routes under `/v1/audit`."""
    router = APIRouter(prefix="/v1/audit", tags=["audit"])

    @router.get("")
    async def entries(
        who: Reader, after: Annotated[int, Query(ge=0)] = 0, limit: Annotated[int, Query(ge=1, le=1000)] = 100
    ) -> dict[str, Any]:
        """The project's entries in order. `next` is the `after` of the next page."""
        async with engine.connect() as conn:
            return page(await store.entries(conn, who.project, after, limit), limit, "seq")

    @router.get("/verify")
    async def verify(
        who: Reader,
        seq: Annotated[int | None, Query(ge=1)] = None,
        head: Annotated[str | None, Query(pattern="^[0-9a-f]{64}$")] = None,
    ) -> dict[str, Any]:
        """Checks the whole chain; with `seq` and `head`, also that it still holds an end that you wrote down."""
        if (seq is None) != (head is None):
            raise invalid("head", "goes together with seq")
        expected = None if seq is None or head is None else (seq, head)
        async with engine.connect() as conn:
            # One snapshot: entries that come meanwhile are neither half seen nor taken for tampering.
            conn = await conn.execution_options(isolation_level="REPEATABLE READ")
            return await store.verify(conn, who.project, signer, expected)

    return router
