"""Grants and revocations over HTTP."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from sqlalchemy.ext.asyncio import AsyncEngine

from gatekeeper.boundary import call_function
from gatekeeper.grants import repository as store
from gatekeeper.grants.service import use_grant
from gatekeeper.promotion.rollback import remove_revoked_examples
from gatekeeper.proposals import repository as proposals
from gatekeeper.request_body import read_fields
from gatekeeper.unit_of_work import UnitOfWorkFactory, raw_key
from shared.auth.principal import Principal
from shared.events.promotion import PromptLive
from shared.problems import invalid
from shared.web.authentication import require
from shared.web.pagination import Cursor, LongLimit, decode_cursor, page

Reader = Annotated[Principal, Depends(require("read"))]
Reviewer = Annotated[Principal, Depends(require("review", person=True))]
_DIGEST_LENGTH = 71


def grants_router(engine: AsyncEngine, desk: UnitOfWorkFactory) -> APIRouter:
    """Routes under `/v1/grants` and `/v1/examples`."""
    router = APIRouter(prefix="/v1", tags=["grants"])

    @router.get("/grants")
    async def grants(who: Reader, cursor: Cursor = None, limit: LongLimit = 1000) -> dict[str, Any]:
        """Return the grants of the environment, newest first."""
        after = decode_cursor(cursor, datetime, UUID)
        async with engine.connect() as conn:
            return page(
                await store.list_grants(conn, who.project, who.environment, after, limit), limit, "given_at", "id"
            )

    @router.post("/grants", status_code=201)
    async def give(request: Request, who: Reviewer) -> dict[str, Any]:
        """Lets few-shot proposals for one slot go live without a decision each. Covers what is open already, too."""
        fields = await read_fields(request)
        name, slot = fields.prompt_name("name"), fields.text("slot")
        count, per_hour = fields.whole("count", 1, 10_000), fields.whole("per_hour", 1, 10_000)
        expires_at = fields.moment("expires_at")
        fields.end()
        lasts = (expires_at - desk.clock.now()).total_seconds()
        if not 0 < lasts <= 365 * 86_400:
            raise invalid("expires_at", "must lie ahead, at most 365 days")
        async with desk.change(request) as change:
            conn = change.tx.conn
            [given] = await call_function(conn, "give_grant", raw_key(request), name, slot, count, per_hour, expires_at)
            for proposal_id in await proposals.list_open_ids(conn, who.project, who.environment, name):
                await use_grant(change, who.project, who.environment, proposal_id)
            await change.seal(who.project)
            return await store.get_grant(conn, who.project, who.environment, given["id"])

    @router.post("/grants/{grant_id}/revoke")
    async def revoke(request: Request, who: Reviewer, grant_id: UUID) -> dict[str, Any]:
        """End a grant and revoke every example that came in by it: what is live goes on without them."""
        fields = await read_fields(request, optional=True)
        reason = fields.optional_text("reason", 2000)
        fields.end()
        async with desk.change(request) as change:
            raw = raw_key(request)
            await call_function(change.tx.conn, "revoke_grant", raw, grant_id, reason)
            await remove_revoked_examples(change, raw, who.project, who.environment)
            await change.seal(who.project)
        return {"id": grant_id, "revoked": True, "live": _told(change.lives)}

    @router.post("/examples/{digest}/revoke")
    async def revoke_example(request: Request, who: Reviewer, digest: str) -> dict[str, Any]:
        """Take one example out of every live prompt of the environment; its text is kept. Works while halted."""
        fields = await read_fields(request)
        reason = fields.text("reason", 2000, empty=True)
        fields.end()
        async with desk.change(request) as change:
            raw = raw_key(request)
            await call_function(change.tx.conn, "revoke_example", raw, digest[:_DIGEST_LENGTH], reason)
            await remove_revoked_examples(change, raw, who.project, who.environment)
            await change.seal(who.project)
        return {"digest": digest[:_DIGEST_LENGTH], "revoked": True, "live": _told(change.lives)}

    return router


def _told(lives: list[PromptLive]) -> list[dict[str, Any]]:
    return [live.model_dump(mode="json", exclude={"document", "examples"}) for live in lives]
