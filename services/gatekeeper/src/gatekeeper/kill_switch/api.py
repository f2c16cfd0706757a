"""The kill switch over HTTP. It needs the database and nothing else."""

from typing import Annotated, Any

from fastapi import APIRouter, BackgroundTasks, Depends, Request
from sqlalchemy.ext.asyncio import AsyncEngine

from gatekeeper.kill_switch import repository as store
from gatekeeper.kill_switch.service import KillSwitch
from gatekeeper.request_body import read_fields
from shared.auth.principal import Principal
from shared.events.promotion import LoopHalted, LoopResumed
from shared.web.authentication import require

Anybody = Annotated[Principal, Depends(require())]


def kill_switch_router(engine: AsyncEngine, switch: KillSwitch) -> APIRouter:
    """Stopping needs no permission, resuming does. Each key changes the switch of its environment."""
    router = APIRouter(prefix="/v1", tags=["loop"])

    async def change(
        request: Request, after: BackgroundTasks, function: str, event: type[LoopHalted | LoopResumed]
    ) -> dict[str, Any]:
        principal = await switch.principal(request)
        fields = await read_fields(request)
        reason = fields.text("reason", 2000)
        fields.end()
        state, changed = await switch.change(request, principal, function, event, reason)
        if changed:
            after.add_task(switch.try_audit, principal.project)
        return state

    @router.get("/loop")
    async def loop(who: Anybody) -> dict[str, Any]:
        """Whether promotions are halted in the key's environment, since when, by whom and why."""
        async with engine.connect() as conn:
            return await store.get_kill_switch(conn, who.project, who.environment)

    @router.post("/halt")
    async def halt(request: Request, after: BackgroundTasks) -> dict[str, Any]:
        """Stop all promotions of the key's environment; by a key for all environments, of the project.

        Any person may, and any service with the scope `operate`. Rollback stays possible.
        """
        return await change(request, after, "halt", LoopHalted)

    @router.post("/resume")
    async def resume(request: Request, after: BackgroundTasks) -> dict[str, Any]:
        """Allow promotions again where this key's halt would stop them. Needs a person with the scope `review`."""
        return await change(request, after, "resume", LoopResumed)

    return router
