"""Is the process alive; can it do its work."""

import asyncio

from fastapi import APIRouter, Response
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.messaging.bus import Bus


def health_router(engine: AsyncEngine, bus: Bus) -> APIRouter:
    """`/health/live`: the process answers. `/health/ready`: the database answers; troubles of the bus are named.

    A service with Kafka away stays ready: what it accepts is kept in its outbox.
    """
    router = APIRouter(prefix="/health", include_in_schema=False)

    @router.get("/live")
    async def live() -> dict[str, str]:
        return {"status": "live"}

    @router.get("/ready")
    async def ready(response: Response) -> dict[str, object]:
        try:
            async with asyncio.timeout(2), engine.connect() as conn:
                await conn.execute(text("SELECT 1"))
        except Exception as error:
            response.status_code = 503
            return {"status": "not ready", "troubles": [f"database: {type(error).__name__}"]}
        return {"status": "ready", "troubles": bus.troubles}

    return router
