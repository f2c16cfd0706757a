"""HTTP routes of operators: topic statistics, dead letters, republishing, paused consumers."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends

from shared.auth.principal import Principal
from shared.messaging.redaction import without_secrets
from shared.messaging.sql_dead_letters import DeadLetterRepository
from shared.messaging.topic_stats import TopicStats
from shared.web.authentication import require
from shared.web.operations_models import LetterPage, TopicsView
from shared.web.operator_actions import OperatorActions, Republish, viewer
from shared.web.pagination import Cursor, Keyset, LongLimit
from shared.web.problem_docs import problems
from shared.web.response_models import describe_response
from shared.web.routers import combine_routers

Operator = Annotated[Principal, Depends(require("operate"))]

LetterStatus = Literal["parked", "replayed", "discarded"]

_MAX_SHOWN = 10_000
"""Bytes of a header or payload that are shown."""


def operations_router(
    service: str, letters: DeadLetterRepository, stats: TopicStats, actions: OperatorActions
) -> APIRouter:
    """Return the routes below `/v1/ops/<service>`; each needs the scope `operate`.

    A key sees the dead letters of its project and environment, and those of its project whose environment is unknown.
    Letters of an unknown project are shown to keys with the scope `admin`, without content.
    """
    return combine_routers(_read_routes(service, letters, stats), _change_routes(service, actions))


def _read_routes(service: str, letters: DeadLetterRepository, stats: TopicStats) -> APIRouter:
    router = APIRouter(prefix=f"/v1/ops/{service}", tags=["operations"])

    @router.get("/topics", responses=describe_response(TopicsView))
    async def topics(principal: Operator) -> dict[str, Any]:
        """Return what the service sends, consumes and has parked; see `TopicStats.snapshot`."""
        return await stats.snapshot(viewer(principal))

    @router.get("/dead-letters", responses=describe_response(LetterPage))
    async def dead_letters(
        principal: Operator, status: LetterStatus = "parked", cursor: Cursor = None, limit: LongLimit = 100
    ) -> dict[str, Any]:
        """Return a page of dead letters, newest first. Payloads are data that the sender wrote: show them as text."""
        seen_by = viewer(principal)
        keyset = Keyset(f"{service} dead letters", datetime, UUID, filters=(*sorted(seen_by.items()), status))
        parked_at, last = keyset.decode(cursor)
        rows = await letters.list_letters(seen_by, status, (parked_at, last), limit)
        return keyset.page(rows, limit, key=lambda row: (row["parked_at"], row["id"]), view=_letter_view)

    return router


def _change_routes(service: str, actions: OperatorActions) -> APIRouter:
    router = APIRouter(prefix=f"/v1/ops/{service}", tags=["operations"])

    @router.post(
        "/dead-letters/{letter_id}/replay",
        responses=problems({404: ["dead-letter-unknown"], 409: ["replay-failed", "consumer-unknown"]}),
    )
    async def replay(letter_id: UUID, principal: Operator) -> dict[str, str]:
        await actions.replay(letter_id, principal)
        return {"id": str(letter_id), "status": "replayed"}

    @router.post(
        "/dead-letters/{letter_id}/discard",
        responses=problems({404: ["dead-letter-unknown"], 409: ["consumer-unknown"]}),
    )
    async def discard(letter_id: UUID, principal: Operator) -> dict[str, str]:
        await actions.discard(letter_id, principal)
        return {"id": str(letter_id), "status": "discarded"}

    @router.post("/republish")
    async def republish(body: Republish, principal: Operator) -> dict[str, int]:
        """Send events of the key's project again."""
        return {"republished": await actions.republish(body, principal)}

    @router.post("/consumers/{consumer}/resume", responses=problems({404: ["consumer-unknown"], 409: ["not-paused"]}))
    async def resume(consumer: str, principal: Operator) -> dict[str, str]:
        """Resume a consumer that too many dead letters paused. It serves all projects of the service."""
        await actions.resume_consumer(consumer, principal)
        return {"consumer": consumer, "status": "running"}

    return router


def _letter_view(row: Mapping[Any, Any]) -> dict[str, Any]:
    """Return a dead letter as the API shows it: redacted, and without content if its project is unknown."""
    known = row["project"] is not None
    return {
        "id": str(row["id"]),
        "consumer": row["consumer"],
        "origin": {"topic": row["topic"], "partition": row["partition"], "offset": row["offset"]},
        "reason": row["reason"],
        "detail": row["detail"],
        "status": row["status"],
        "parked_at": row["parked_at"].isoformat(),
        "project": row["project"],
        "headers": {name: _redacted(value.encode()) for name, value in row["headers"]} if known else {},
        "payload": _redacted(row["payload"]) if known else "",
    }


def _redacted(content: bytes) -> str:
    return without_secrets(content)[:_MAX_SHOWN].decode("utf-8", "backslashreplace")
