"""Liveness and readiness endpoints."""

import asyncio
from collections.abc import Sequence
from typing import Protocol

from fastapi import APIRouter, Response
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.runtime.database import is_read_only
from shared.runtime.rates import Backlog

UNSENT_S = 60.0
"""A message that waits longer than this to be sent makes the service degraded."""
_DATABASE_S = 2.0


class Consuming(Protocol):
    """The part of a bus that readiness needs."""

    @property
    def problems(self) -> Sequence[str]: ...


def health_router(engine: AsyncEngine, bus: Consuming, backlog: Backlog) -> APIRouter:
    """Return the routes `/health/live` (the process answers) and `/health/ready` (`{status, problems, outbox}`).

    `status` is `ready`; `degraded` (HTTP 200: accepted data is stored, reads work) if `problems` is not empty; or
    `not ready` (HTTP 503) if the database does not answer. `outbox.oldest_unsent_s` is the age in seconds of the oldest
    message that waits to be sent to Kafka.
    """
    router = APIRouter(prefix="/health", include_in_schema=False)

    @router.get("/live")
    async def live() -> dict[str, str]:
        return {"status": "live"}

    @router.get("/ready")
    async def ready(response: Response) -> dict[str, object]:
        problems = [*bus.problems, *_unsent(backlog)]
        try:
            async with asyncio.timeout(_DATABASE_S):
                read_only = await is_read_only(engine)
        except Exception as error:
            response.status_code = 503
            return {"status": "not ready", "problems": [f"database: {type(error).__name__}", *problems]}
        if read_only:
            problems.insert(0, "database: read-only, no writes are accepted")
        status = "degraded" if problems else "ready"
        return {"status": status, "problems": problems, "outbox": {"oldest_unsent_s": round(backlog.age(), 1)}}

    return router


def _unsent(backlog: Backlog) -> list[str]:
    age, set_aside = backlog.age(), backlog.set_aside
    problems = [f"outbox: the oldest unsent message has waited for {age:.0f} s"] if age > UNSENT_S else []
    if set_aside:
        problems.append(f"outbox: {set_aside} rows cannot be read, so their messages are not sent")
    return problems
