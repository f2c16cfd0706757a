"""What operators do to a service: look at dead letters, take them again or discard them, send events again."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import AwareDatetime, BaseModel, ConfigDict
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.messaging.delivery import Delivery
from shared.messaging.republish import Scope, republish
from shared.messaging.secrets import without_secrets
from shared.messaging.store import DeadLetter, Store
from shared.runtime.clock import Clock
from shared.web.keys import Principal, require
from shared.web.problems import Problem

Operator = Annotated[Principal, Depends(require("operate"))]

_LETTER = 'id, consumer, topic, partition, "offset", key, headers, payload, reason, detail, status, parked_at'


class Republish(BaseModel):
    """Body of a republish request: see `shared.messaging.republish.Scope`."""

    model_config = ConfigDict(extra="forbid")

    since: AwareDatetime | None = None
    topic: str | None = None
    lacking: bool = False


def ops_router(
    service: str, engine: AsyncEngine, store: Store, deliveries: Mapping[str, Delivery], clock: Clock
) -> APIRouter:
    """Routes under `/v1/ops/<service>`; each needs the scope `operate`."""
    router = APIRouter(prefix=f"/v1/ops/{service}", tags=["operations"])

    async def load(letter_id: UUID) -> DeadLetter:
        async with engine.connect() as conn:
            statement = text(f"SELECT {_LETTER} FROM {service}.dead_letters WHERE id = :id AND status = 'parked'")
            row = (await conn.execute(statement, {"id": letter_id})).mappings().first()
        if row is None:
            raise Problem(404, "dead-letter-unknown", "No parked dead letter has this id")
        return _letter(row)

    @router.get("/dead-letters")
    async def dead_letters(
        _: Operator, status: str = "parked", before: datetime | None = None, limit: int = 100
    ) -> dict[str, Any]:
        """The newest first, a page at a time; payloads are what the sender wrote: data, to be shown as text."""
        statement = text(
            f"""SELECT {_LETTER} FROM {service}.dead_letters
                WHERE status = :status AND (CAST(:before AS timestamptz) IS NULL OR parked_at < :before)
                ORDER BY parked_at DESC LIMIT :limit"""
        )
        values = {"status": status, "before": before, "limit": max(1, min(limit, 1000))}
        async with engine.connect() as conn:
            rows = (await conn.execute(statement, values)).mappings().all()
        items = [_shown(row) for row in rows]
        return {"items": items, "next": items[-1]["parked_at"] if len(items) == values["limit"] else None}

    @router.post("/dead-letters/{letter_id}/replay")
    async def replay(letter_id: UUID, _: Operator) -> dict[str, str]:
        letter = await load(letter_id)
        delivery = deliveries.get(letter.consumer)
        if delivery is None:
            raise Problem(409, "consumer-unknown", "This version has no such consumer", letter.consumer)
        try:
            await delivery.replay(letter)
        except Exception as error:
            raise Problem(409, "replay-failed", "It failed again and stays parked", type(error).__name__) from error
        return {"id": str(letter_id), "status": "replayed"}

    @router.post("/dead-letters/{letter_id}/discard")
    async def discard(letter_id: UUID, _: Operator) -> dict[str, str]:
        async with store.begin() as tx:
            if not await tx.unpark(letter_id, "discarded", clock.now()):
                raise Problem(404, "dead-letter-unknown", "No parked dead letter has this id")
        return {"id": str(letter_id), "status": "discarded"}

    @router.post("/republish")
    async def send_again(body: Republish, _: Operator) -> dict[str, int]:
        scope = Scope(body.since, body.topic, body.lacking)
        return {"republished": await republish(engine, service, scope)}

    return router


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
    return {
        "id": str(row["id"]),
        "consumer": row["consumer"],
        "origin": {"topic": row["topic"], "partition": row["partition"], "offset": row["offset"]},
        "reason": row["reason"],
        "detail": row["detail"],
        "status": row["status"],
        "parked_at": row["parked_at"].isoformat(),
        "headers": dict(row["headers"]),
        "payload": without_secrets(row["payload"])[:10_000].decode("utf-8", "backslashreplace"),
    }
