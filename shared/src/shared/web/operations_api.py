"""What operators do to a service: look at dead letters, take them again or discard them, send events again."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.auth.principal import Principal
from shared.events import Envelope, Event, new_id
from shared.events.operations import DeadLetterSettled, Settled
from shared.messaging.dead_letter_owner import OWN_LETTERS
from shared.messaging.delivery import Delivery
from shared.messaging.redaction import without_secrets
from shared.messaging.store import DeadLetter
from shared.messaging.topic_stats import TopicStats
from shared.problems import Problem
from shared.runtime.clock import Clock
from shared.web.authentication import require
from shared.web.correlation import correlation_id
from shared.web.operator_actions import OperatorActions, Republish

Operator = Annotated[Principal, Depends(require("operate"))]

_LETTER = 'id, consumer, topic, partition, "offset", key, headers, payload, reason, detail, status, parked_at, project'


class DeadLetters:
    """One service's dead letters, for operators. Raises Problem 404 for a letter that is not parked, or not theirs.

    A key sees the letters of its own project and environment, and of its project where the environment is unknown. A
    letter whose project can't be known is shown to keys with the scope `admin`, without what it says: it may be
    another project's. Whatever is done to one is reported to the gatekeeper's audit in the same transaction.
    """

    def __init__(self, service: str, engine: AsyncEngine, deliveries: Mapping[str, Delivery], clock: Clock) -> None:
        self._service = service
        self._engine = engine
        self.deliveries = deliveries
        self._clock = clock
        self._one = text(
            f"SELECT {_LETTER} FROM {service}.dead_letters WHERE id = :id AND status = 'parked' AND {OWN_LETTERS}"
        )
        self._page = text(
            f"""SELECT {_LETTER} FROM {service}.dead_letters
                WHERE status = :status AND {OWN_LETTERS}
                  AND (CAST(:before AS timestamptz) IS NULL OR parked_at < :before)
                ORDER BY parked_at DESC LIMIT :limit"""
        )

    async def page(self, who: Principal, status: str, before: datetime | None, limit: int) -> list[dict[str, Any]]:
        """The newest first."""
        given = {"status": status, "before": before, "limit": limit, **viewer(who)}
        async with self._engine.connect() as conn:
            rows = await conn.execute(self._page, given)
            return [_shown(row) for row in rows.mappings()]

    async def replay(self, letter_id: UUID, who: Principal) -> None:
        """Takes a parked message again. Problem 409 if it fails again: it stays parked."""
        letter, delivery = await self._parked(letter_id, who)
        try:
            await delivery.replay(letter, self._report(letter, "replayed", who))
        except Exception as error:
            raise Problem(409, "replay-failed", "It failed again and stays parked", type(error).__name__) from error

    async def discard(self, letter_id: UUID, who: Principal) -> None:
        """Gives a parked message up for good."""
        letter, delivery = await self._parked(letter_id, who)
        await delivery.discard(letter, self._report(letter, "discarded", who))

    def _report(self, letter: DeadLetter, outcome: Settled, who: Principal) -> Envelope[Event]:
        now = self._clock.now()
        event = DeadLetterSettled(
            project=who.project,
            environment=who.environment,
            letter_id=letter.id,
            service=self._service,
            consumer=letter.consumer,
            letter_topic=letter.topic,
            outcome=outcome,
            by=who.subject,
            key_id=who.key_id,
        )
        return Envelope(new_id(now), now, f"ratchet/{self._service}", event, correlation_id())

    async def _parked(self, letter_id: UUID, who: Principal) -> tuple[DeadLetter, Delivery]:
        async with self._engine.connect() as conn:
            row = (await conn.execute(self._one, {"id": letter_id, **viewer(who)})).mappings().first()
        if row is None:
            raise Problem(404, "dead-letter-unknown", "No parked dead letter has this id")
        delivery = self.deliveries.get(row["consumer"])
        if delivery is None:
            raise Problem(409, "consumer-unknown", "This version has no such consumer", row["consumer"])
        return _letter(row), delivery


def operations_router(
    service: str, letters: DeadLetters, traffic: TopicStats, operations: OperatorActions
) -> APIRouter:
    """Routes under `/v1/ops/<service>`; each needs the scope `operate`."""
    router = APIRouter(prefix=f"/v1/ops/{service}", tags=["operations"])

    @router.get("/topics")
    async def topics(who: Operator) -> dict[str, Any]:
        """What goes out, comes in and lies parked; see `TopicStats.shown`."""
        return await traffic.shown(viewer(who))

    @router.get("/dead-letters")
    async def dead_letters(
        who: Operator, status: str = "parked", before: datetime | None = None, limit: int = 100
    ) -> dict[str, Any]:
        """The newest first, a page at a time; payloads are what the sender wrote: data, to be shown as text."""
        size = max(1, min(limit, 1000))
        items = await letters.page(who, status, before, size)
        return {"items": items, "next": items[-1]["parked_at"] if len(items) == size else None}

    @router.post("/dead-letters/{letter_id}/replay")
    async def replay(letter_id: UUID, who: Operator) -> dict[str, str]:
        await letters.replay(letter_id, who)
        return {"id": str(letter_id), "status": "replayed"}

    @router.post("/dead-letters/{letter_id}/discard")
    async def discard(letter_id: UUID, who: Operator) -> dict[str, str]:
        await letters.discard(letter_id, who)
        return {"id": str(letter_id), "status": "discarded"}

    @router.post("/republish")
    async def send_again(body: Republish, who: Operator) -> dict[str, int]:
        """Events of the key's project, and of no other."""
        return {"republished": await operations.republish(body, who)}

    @router.post("/consumers/{consumer}/resume")
    async def resume(consumer: str, who: Operator) -> dict[str, str]:
        """Let a consumer go on that paused after too many dead letters. It serves all projects of the service."""
        await operations.resume(consumer, who)
        return {"consumer": consumer, "status": "running"}

    return router


def viewer(who: Principal) -> dict[str, object]:
    """The parameters of `OWN_LETTERS`."""
    return {"project": who.project, "environment": who.environment, "admin": "admin" in who.scopes}


def _letter(row: Any) -> DeadLetter:
    headers = tuple((name, value.encode()) for name, value in row["headers"])
    return DeadLetter(
        row["id"],
        row["consumer"],
        row["topic"],
        row["partition"],
        row["offset"],
        row["key"],
        headers,
        row["payload"],
        row["reason"],
        row["detail"],
    )


def _shown(row: Any) -> dict[str, Any]:
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
        "headers": {name: _shown_text(value.encode()) for name, value in row["headers"]} if known else {},
        "payload": _shown_text(row["payload"]) if known else "",
    }


def _shown_text(content: bytes) -> str:
    return without_secrets(content)[:10_000].decode("utf-8", "backslashreplace")
