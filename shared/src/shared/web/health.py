"""Liveness and readiness endpoints."""

import asyncio
from collections.abc import Sequence
from typing import Protocol

from fastapi import APIRouter, Response
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.runtime.backlog import Backlog

UNSENT_S = 60.0
"""A message that has waited longer to be sent makes the service degraded."""


class Consuming(Protocol):
    """What readiness asks of a bus."""

    @property
    def problems(self) -> Sequence[str]: ...


def health_router(engine: AsyncEngine, bus: Consuming, backlog: Backlog) -> APIRouter:
    """`/health/live`: the process answers. `/health/ready`: `{status, problems, outbox}`.

    `status` is `ready`; `degraded` (still 200: what is accepted is kept, and reading works) where `problems` names what
    does not work; or `not ready` (503) where the database does not answer. `outbox.oldest_unsent_s` is the age in
    seconds of the oldest message that waits for Kafka.
    """
    router = APIRouter(prefix="/health", include_in_schema=False)

    @router.get("/live")
    async def live() -> dict[str, str]:
        return {"status": "live"}

    @router.get("/ready")
    async def ready(response: Response) -> dict[str, object]:
        problems = [*bus.problems, *_unsent(backlog)]
        try:
            async with asyncio.timeout(2), engine.connect() as conn:
                read_only = await conn.scalar(text("SELECT current_setting('transaction_read_only')::boolean"))
        except Exception as error:
            response.status_code = 503
            return {"status": "not ready", "problems": [f"database: {type(error).__name__}", *problems]}
        if read_only:
            problems.insert(0, "database: read-only, nothing can be accepted")
        status = "degraded" if problems else "ready"
        return {"status": status, "problems": problems, "outbox": {"oldest_unsent_s": round(backlog.age(), 1)}}

    return router


def _unsent(backlog: Backlog) -> list[str]:
    age = backlog.age()
    return [f"outbox: the oldest message has waited for {age:.0f} s"] if age > UNSENT_S else []
