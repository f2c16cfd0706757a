"""Proposals over HTTP: people write, read and decide."""

from datetime import datetime
from typing import Annotated, Any, Literal, cast
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from gatekeeper.boundary import call_function
from gatekeeper.proposals import repository as store
from gatekeeper.proposals.decisions import decide_proposal
from gatekeeper.proposals.edits import content_of, kind_of
from gatekeeper.registry import repository as registry
from gatekeeper.registry.content import version_content
from gatekeeper.registry.prompt_names import NameInQuery
from gatekeeper.request_body import read_fields
from gatekeeper.unit_of_work import UnitOfWorkFactory, raw_key
from ratchet.prompt import PromptError, parse
from shared.auth.principal import Principal
from shared.events import derived_id, new_id
from shared.events.proposals import Verdict
from shared.problems import Problem, invalid
from shared.web.authentication import require
from shared.web.pagination import Cursor, Limit, decode_cursor, page

Reader = Annotated[Principal, Depends(require("read"))]
Maker = Annotated[Principal, Depends(require("tune", person=True))]
Reviewer = Annotated[Principal, Depends(require("review", person=True))]
_SENT = ("target", "name", "base_digest", "digest")
State = Literal["open", "approved", "rejected", "changes_requested", "withdrawn"]


def proposals_router(engine: AsyncEngine, desk: UnitOfWorkFactory) -> APIRouter:
    """Routes under `/v1/proposals`."""
    router = APIRouter(prefix="/v1/proposals", tags=["proposals"])

    @router.post("", status_code=201)
    async def propose(request: Request, who: Maker) -> dict[str, Any]:
        """An edited prompt, or a first version: somebody else decides about it. Idempotency-Key is honoured."""
        fields = await read_fields(request)
        target, name = fields.word("target", 128), fields.prompt_name("name")
        base_digest = fields.optional_digest("base_digest")
        document, why = fields.object("document"), fields.text("why", 2000)
        fields.end()
        try:
            draft = parse(document, "document")
        except PromptError as error:
            raise invalid(error.field, error.reason) from None
        proposal_id = _new_id(request, who, desk)
        async with desk.change(request) as change:
            conn = change.tx.conn
            base = None if base_digest is None else await registry.get_version(conn, who.project, base_digest)
            await registry.save_contents(conn, "prompt_versions", who.project, [version_content(draft)])
            content = content_of(why, base_digest, base, draft)
            arguments = (proposal_id, target, name, kind_of(base_digest), base_digest, draft.digest, content)
            await call_function(conn, "propose", raw_key(request), *arguments)
            stored = await _load(conn, who, proposal_id)
            sent = (target, name, base_digest, draft.digest, why)
            if sent != (*(stored[part] for part in _SENT), stored["evidence"]["summary"]):
                raise Problem(422, "idempotency-mismatch", "This Idempotency-Key came with another body before")
            await change.seal(who.project)
        return stored

    @router.get("")
    async def proposals(
        who: Reader,
        name: NameInQuery,
        state: State | None = None,
        cursor: Cursor = None,
        limit: Limit = 20,
        brief: bool = False,
    ) -> dict[str, Any]:
        """Return proposals, newest first; with `brief` without document, diff, rollback, example sets and warnings."""
        query = store.ProposalQuery(state, name, decode_cursor(cursor, datetime, UUID), limit, brief)
        async with engine.connect() as conn:
            found = await store.list_proposals(conn, who.project, who.environment, query)
        return page(found, limit, "opened_at", "id")

    @router.get("/{proposal_id}")
    async def proposal(who: Reader, proposal_id: UUID) -> dict[str, Any]:
        """One proposal with its document, diff, evidence, and what was decided."""
        async with engine.connect() as conn:
            return await _load(conn, who, proposal_id)

    @router.post("/{proposal_id}/decisions")
    async def decisions(request: Request, who: Reviewer, proposal_id: UUID) -> dict[str, Any]:
        """Yes, no, or changes requested about exactly `digest`. A yes makes it live, or changes nothing at all."""
        fields = await read_fields(request)
        verdict = cast(Verdict, fields.choice("verdict", "approved", "rejected", "changes_requested"))
        digest, reason = fields.digest("digest"), fields.text("reason", 2000, empty=True)
        fields.end()
        async with desk.change(request) as change:
            found = await _load(change.tx.conn, who, proposal_id)
            await decide_proposal(change, raw_key(request), found, verdict, digest, reason, desk.lifetime, desk.policy)
            decided = await _load(change.tx.conn, who, proposal_id)
        live = change.lives[0].model_dump(mode="json", exclude={"document", "examples"}) if change.lives else None
        return {"proposal": decided, "live": live}

    return router


def _new_id(request: Request, who: Principal, desk: UnitOfWorkFactory) -> UUID:
    idempotency = request.headers.get("idempotency-key")
    if idempotency is None:
        return new_id(desk.clock.now())
    if not 1 <= len(idempotency) <= 200:
        raise invalid("Idempotency-Key", "must have 1 to 200 characters")
    return derived_id("proposal", who.key_id, idempotency)


async def _load(conn: AsyncConnection, who: Principal, proposal_id: UUID) -> dict[str, Any]:
    found = await store.get_proposal(conn, who.project, who.environment, proposal_id)
    if found is None:
        raise Problem(404, "unknown-proposal", "There is no such proposal here")
    return found
