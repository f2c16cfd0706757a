"""`GET /v1/candidates`: the candidates of few-shot examples."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter
from sqlalchemy.ext.asyncio import AsyncEngine

from proposer.api.parameters import Limit, Reader, Word
from proposer.api.response_models import CandidatePage
from proposer.domain.model import Candidate
from proposer.domain.tuning_settings import MAX_EXAMPLES
from proposer.storage.queries import CandidatePosition, get_example_sets, list_candidates
from ratchet.prompt import Prompt
from shared.runtime.clock import Clock
from shared.web.pagination import Cursor, Keyset
from shared.web.response_models import describe_response


def candidates_router(engine: AsyncEngine, clock: Clock) -> APIRouter:
    """Return the router; it reads on connections of `engine`."""
    router = APIRouter(prefix="/v1", tags=["few-shots"])

    @router.get("/candidates", responses=describe_response(CandidatePage))
    async def candidates(
        principal: Reader, name: Word = None, slot: Word = None, feedback_id: UUID | None = None,
        execution_id: Word = None, chosen: bool = False, limit: Limit = 100, cursor: Cursor = None,
    ) -> dict[str, Any]:  # fmt: skip
        given = {"name": name, "feedback_id": feedback_id, "execution_id": execution_id}
        filters = {column: value for column, value in given.items() if value is not None}
        scope = (principal.project, principal.environment)
        selected = (*scope, name, feedback_id, execution_id, chosen)
        keyset = Keyset("candidates", str, int, float, datetime, UUID, filters=selected)
        prompt, eligible, *rest = keyset.decode(cursor)
        after = None if cursor is None else CandidatePosition(prompt, bool(eligible), *rest)
        async with engine.connect() as conn:
            found = await list_candidates(conn, scope, clock.now(), filters, after, limit, chosen)
            sets = await get_example_sets(conn, scope, sorted({c.key.name for c in found}))
        members = {key: members_of(slot, *example_set) for key, example_set in sets.items()}
        return keyset.page(found, limit, key=position_of, view=lambda c: to_json(c, members.get(c.key, ())))

    return router


def position_of(candidate: Candidate) -> tuple[str, int, float, datetime, UUID]:
    """Return the sort key of a candidate."""
    eligible, score = int(candidate.grant_eligible), candidate.score
    return candidate.key.name, eligible, score, candidate.received_at, candidate.feedback_id


def members_of(slot: str | None, chosen: Sequence[UUID], prompt: Prompt | None) -> Sequence[UUID]:
    """Return the feedback ids of the example set of `slot`; without a slot, of the largest possible set."""
    if slot is None:
        return chosen[:MAX_EXAMPLES]
    declared = prompt.slots.get(slot) if prompt is not None else None
    return chosen[: declared.max] if declared is not None else ()


def to_json(candidate: Candidate, members: Sequence[UUID]) -> dict[str, Any]:
    """Return the JSON fields of a candidate; `chosen` is whether it is in the example set now."""
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
        "corrected": candidate.corrected,
        "approved": candidate.approved,
        "chosen": candidate.feedback_id in members,
        "occurred_at": candidate.occurred_at,
        "received_at": candidate.received_at,
    }
