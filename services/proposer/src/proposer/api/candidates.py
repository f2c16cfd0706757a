"""HTTP routes: what may become an example, and what became of each regression. Read only."""

from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from sqlalchemy.ext.asyncio import AsyncEngine

from proposer.domain.candidates import MOST
from proposer.domain.model import Candidate
from proposer.storage.queries import chosen_sets, list_candidates, list_drafts
from ratchet.prompt import Prompt
from shared.auth.principal import Principal
from shared.runtime.clock import Clock
from shared.web.authentication import require

Reader = Annotated[Principal, Depends(require("read"))]
Word = Annotated[str | None, Query(max_length=256, pattern=r"^[^\x00]+$")]
Limit = Annotated[int, Query(ge=1, le=500)]
Cursor = Annotated[int, Query(ge=0, le=1_000_000)]


def routes(engine: AsyncEngine, clock: Clock) -> APIRouter:
    """The routes, on connections of `engine`."""
    router = APIRouter(prefix="/v1")

    @router.get("/candidates")
    async def candidates(
        reader: Reader, name: Word = None, slot: Word = None, feedback_id: UUID | None = None,
        execution_id: Word = None, limit: Limit = 100, cursor: Cursor = 0,
    ) -> dict[str, Any]:  # fmt: skip
        given = {"name": name, "feedback_id": feedback_id, "execution_id": execution_id}
        filters = {column: value for column, value in given.items() if value is not None}
        place = (reader.project, reader.environment)
        async with engine.connect() as conn:
            found = await list_candidates(conn, place, clock.now(), filters, (cursor, limit))
            sets = await chosen_sets(conn, place, sorted({c.key.name for c in found}))
        members = {key: members_of(slot, *chosen) for key, chosen in sets.items()}
        return page([shown(c, members.get(c.key, ())) for c in found], cursor, limit)

    @router.get("/drafts")
    async def drafts(
        reader: Reader, regression_id: UUID | None = None, limit: Limit = 100, cursor: Cursor = 0
    ) -> dict[str, Any]:
        place = (reader.project, reader.environment)
        async with engine.connect() as conn:
            return page(await list_drafts(conn, place, regression_id, (cursor, limit)), cursor, limit)

    return router


def members_of(slot: str | None, chosen: Sequence[UUID], prompt: Prompt | None) -> Sequence[UUID]:
    """The feedbacks whose examples are the set of `slot` (of any slot, where none is asked for)."""
    if slot is None:
        return chosen[:MOST]
    declared = prompt.slots.get(slot) if prompt is not None else None
    return chosen[: declared.max] if declared is not None else ()


def shown(candidate: Candidate, members: Sequence[UUID]) -> dict[str, Any]:
    """A candidate as the API shows it; `chosen` tells whether it is in the set now."""
    return {
        "name": candidate.key.name,
        "target": candidate.target,
        "feedback_id": candidate.feedback_id,
        "execution_id": candidate.execution_id,
        "score": candidate.score,
        "input": candidate.input,
        "output": candidate.output,
        "user": candidate.user,
        "grant_eligible": candidate.grant_eligible,
        "chosen": candidate.feedback_id in members,
        "occurred_at": candidate.occurred_at,
        "received_at": candidate.received_at,
    }


def page(items: Sequence[dict[str, Any]], cursor: int, limit: int) -> dict[str, Any]:
    """One page of a list; `next` is None on the last one."""
    return {"items": list(items), "next": str(cursor + limit) if len(items) == limit else None}
