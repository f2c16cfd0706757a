"""The kill switch over HTTP. It needs the database and nothing else."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from sqlalchemy.ext.asyncio import AsyncEngine

from gatekeeper.bodies import read_fields
from gatekeeper.desk import Desk, raw_key
from gatekeeper.doors import call
from gatekeeper.loop import store
from shared.events import derived_id
from shared.events.promotion import LoopHalted, LoopResumed
from shared.web.keys import Principal, require

Anybody = Annotated[Principal, Depends(require())]
Reviewer = Annotated[Principal, Depends(require("review", person=True))]


def loop_router(engine: AsyncEngine, desk: Desk) -> APIRouter:
    """Stopping needs no permission, resuming does."""
    router = APIRouter(prefix="/v1", tags=["loop"])

    async def turn(request: Request, who: Principal, door: str, said: type[LoopHalted | LoopResumed]) -> dict[str, Any]:
        fields = await read_fields(request)
        reason = fields.text("reason", 2000)
        fields.end()
        async with desk.change(request) as change:
            [row] = await call(change.tx.conn, door, raw_key(request), reason)
            if row["changed"]:
                fact = {"project": who.project, "environment": who.environment, "revision": row["revision"]}
                event = said(**fact, by=row["by"], reason=reason)
                await change.emit(event, derived_id("loop", who.project, str(row["revision"])))
                await change.seal(who.project)
            return await store.loop(change.tx.conn, who.project)

    @router.get("/loop")
    async def loop(who: Anybody) -> dict[str, Any]:
        """Whether the loop runs, and who turned it last."""
        async with engine.connect() as conn:
            return await store.loop(conn, who.project)

    @router.post("/halt")
    async def halt(request: Request, who: Anybody) -> dict[str, Any]:
        """Stops all promotions of the project. Going back stays possible."""
        return await turn(request, who, "halt", LoopHalted)

    @router.post("/resume")
    async def resume(request: Request, who: Reviewer) -> dict[str, Any]:
        """Lets promotions go on."""
        return await turn(request, who, "resume", LoopResumed)

    return router
