"""HTTP API of the kill switch. It needs the database and no other server."""

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, BackgroundTasks, Depends, Request
from sqlalchemy.ext.asyncio import AsyncEngine

from gatekeeper.api.access_models import SwitchView
from gatekeeper.api.boundary_problems import AUTHORITY
from gatekeeper.api.request_body import Reason, RequestBody, describe_body, json_body, presented_key
from gatekeeper.storage.kill_switch import KillSwitchRepository
from gatekeeper.use_cases.kill_switch import KillSwitch
from shared.auth.principal import Principal
from shared.events.promotion import LoopHalted, LoopResumed
from shared.web.authentication import authorization, require
from shared.web.response_models import describe_response

AnyKey = Annotated[Principal, Depends(require())]


class SwitchChange(RequestBody):
    """Why promotions are halted or resumed."""

    reason: Reason


SwitchBody = Annotated[SwitchChange, Depends(json_body(SwitchChange))]


def kill_switch_router(engine: AsyncEngine, switch: KillSwitch) -> APIRouter:
    """Return the routes `/v1/loop`, `/v1/halt` and `/v1/resume`. A key changes the switch of its environment."""
    router = APIRouter(prefix="/v1", tags=["loop"])
    schema = describe_body(
        SwitchChange, {"reason": "Answers are wrong"}, *AUTHORITY, "project-halted", "unknown-project"
    )

    async def authenticate(request: Request) -> Principal:
        return await switch.authenticate(authorization(request))

    switch_key = Depends(authenticate)

    @router.get("/loop", responses=describe_response(SwitchView))
    async def loop(principal: AnyKey) -> dict[str, Any]:
        """Return whether promotions are halted in the key's environment, since when, by whom and why."""
        async with engine.connect() as conn:
            return asdict(await KillSwitchRepository(conn).get_state(principal.project, principal.environment))

    @router.post("/halt", responses=describe_response(SwitchView), openapi_extra=schema)
    async def halt(
        request: Request, background: BackgroundTasks, principal: Annotated[Principal, switch_key], body: SwitchBody
    ) -> dict[str, Any]:
        """Halt all promotions of the key's environment; with a key for all environments, of the project.

        Needs the key of a person, or of a service with the scope `operate`. Rollback stays possible.
        """
        return await _set_switch(switch, request, principal, background, "halt", LoopHalted, body.reason)

    @router.post("/resume", responses=describe_response(SwitchView), openapi_extra=schema)
    async def resume(
        request: Request, background: BackgroundTasks, principal: Annotated[Principal, switch_key], body: SwitchBody
    ) -> dict[str, Any]:
        """Resume promotions where a halt by this key would stop them. Needs a person with the scope `review`."""
        return await _set_switch(switch, request, principal, background, "resume", LoopResumed, body.reason)

    return router


async def _set_switch(
    switch: KillSwitch,
    request: Request,
    principal: Principal,
    background: BackgroundTasks,
    function: str,
    event_type: type[LoopHalted | LoopResumed],
    reason: str,
) -> dict[str, Any]:
    state, changed = await switch.change(presented_key(request), principal, function, event_type, reason)
    if changed:
        background.add_task(switch.try_audit, principal.project)
    return asdict(state)
