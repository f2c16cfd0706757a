"""HTTP API of rollouts: read them, and steer one as a reviewer."""

from dataclasses import fields
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from sqlalchemy.ext.asyncio import AsyncEngine

from gatekeeper.api.boundary_problems import AUTHORITY, PROMOTION
from gatekeeper.api.prompt_names import NameInQuery
from gatekeeper.api.request_body import OptionalReason, RequestBody, describe_body, json_body, presented_key
from gatekeeper.api.rollout_models import RolloutDetails, RolloutList, RolloutView
from gatekeeper.delivery.notifier import PromotionNotifier
from gatekeeper.domain.rollout import ChangeKind, Rollout
from gatekeeper.storage.rollouts import RolloutRepository
from gatekeeper.use_cases.rollouts import SteerRequest, assess_rollout, steer_rollout, verdict_json
from gatekeeper.use_cases.unit_of_work import UnitOfWorkFactory
from shared.auth.principal import Principal
from shared.problems import Problem
from shared.web.authentication import require
from shared.web.pagination import Limit
from shared.web.problem_docs import problems
from shared.web.response_models import describe_response
from shared.web.routers import combine_routers

Reader = Annotated[Principal, Depends(require("read"))]
Reviewer = Annotated[Principal, Depends(require("review", person=True))]


class RolloutChange(RequestBody):
    """A reviewer's reason. With `revision`, the change is refused if the rollout has changed since."""

    revision: int | None = None
    reason: OptionalReason


ChangeBody = Annotated[RolloutChange, Depends(json_body(RolloutChange))]


def rollouts_router(engine: AsyncEngine, units: UnitOfWorkFactory, notifier: PromotionNotifier) -> APIRouter:
    """Return the routes below `/v1/rollouts`."""
    return combine_routers(_read_routes(engine, units), _change_routes(units, notifier))


def _read_routes(engine: AsyncEngine, units: UnitOfWorkFactory) -> APIRouter:
    router = APIRouter(prefix="/v1/rollouts", tags=["rollouts"])

    @router.get("", responses=describe_response(RolloutList))
    async def rollouts(
        principal: Reader, name: NameInQuery, proposal_id: UUID | None = None, limit: Limit = 20
    ) -> dict[str, Any]:
        """Return the newest rollouts: all, or those of a prompt or a proposal."""
        async with engine.connect() as conn:
            scope = (principal.project, principal.environment)
            found = await RolloutRepository(conn).list_rollouts(*scope, name, proposal_id, limit)
        return {"items": [rollout_to_json(rollout) for rollout in found]}

    @router.get("/{rollout_id}", responses=describe_response(RolloutDetails) | problems({404: ["unknown-rollout"]}))
    async def rollout(principal: Reader, rollout_id: UUID) -> dict[str, Any]:
        """Return a rollout with its changes, and what would be done with it now: `assessment`."""
        async with units.begin() as unit:
            repository = RolloutRepository(unit.conn)
            found = await _load(repository, principal, rollout_id)
            assessment = await assess_rollout(unit, found)
            changes = await repository.list_changes(rollout_id)
        shown = [{**change, "verdict": change["verdict"] or None} for change in changes]
        return {**rollout_to_json(found), "assessment": verdict_json(assessment), "changes": shown}

    return router


def _change_routes(units: UnitOfWorkFactory, notifier: PromotionNotifier) -> APIRouter:
    router = APIRouter(prefix="/v1/rollouts", tags=["rollouts"])
    shown = describe_response(RolloutView)
    schema = describe_body(RolloutChange, {"revision": None, "reason": "Enough evidence"}, *AUTHORITY, *PROMOTION)

    async def change(
        request: Request, principal: Principal, rollout_id: UUID, body: RolloutChange, kind: ChangeKind | None
    ) -> dict[str, Any]:
        async with units.begin() as unit:
            repository = RolloutRepository(unit.conn)
            found = await _load(repository, principal, rollout_id)
            steered = SteerRequest(presented_key(request), rollout_id, kind or _next(found), body.reason, body.revision)
            promoted = await steer_rollout(unit, found, steered)
            changed = await _load(repository, principal, rollout_id)
        notifier.notify(promoted)
        return rollout_to_json(changed)

    @router.post("/{rollout_id}/advance", responses=shown, openapi_extra=schema)
    async def advance(request: Request, principal: Reviewer, rollout_id: UUID, body: ChangeBody) -> dict[str, Any]:
        """Go to the plan's next step without waiting for its evidence. The author of the proposal can't."""
        return await change(request, principal, rollout_id, body, None)

    @router.post("/{rollout_id}/pause", responses=shown, openapi_extra=schema)
    async def pause(request: Request, principal: Reviewer, rollout_id: UUID, body: ChangeBody) -> dict[str, Any]:
        """Keep the weights until a reviewer resumes. Evidence of harm still rolls back."""
        return await change(request, principal, rollout_id, body, "paused")

    @router.post("/{rollout_id}/resume", responses=shown, openapi_extra=schema)
    async def resume(request: Request, principal: Reviewer, rollout_id: UUID, body: ChangeBody) -> dict[str, Any]:
        """Resume a paused rollout in its step. The author of the proposal can't."""
        return await change(request, principal, rollout_id, body, "resumed")

    @router.post("/{rollout_id}/rollback", responses=shown, openapi_extra=schema)
    async def rollback(request: Request, principal: Reviewer, rollout_id: UUID, body: ChangeBody) -> dict[str, Any]:
        """Serve the base to all again, which ends the rollout. Works while halted."""
        return await change(request, principal, rollout_id, body, "rolled_back")

    return router


async def _load(repository: RolloutRepository, principal: Principal, rollout_id: UUID) -> Rollout:
    found = await repository.get_rollout(principal.project, principal.environment, rollout_id)
    if found is None:
        raise Problem(404, "unknown-rollout", "There is no such rollout here")
    return found


def _next(rollout: Rollout) -> ChangeKind:
    return "completed" if rollout.step == len(rollout.plan.steps) - 1 else "advanced"


def rollout_to_json(rollout: Rollout) -> dict[str, Any]:
    """Return the JSON form of a rollout with its plan."""
    view = {field.name: getattr(rollout, field.name) for field in fields(Rollout) if field.name != "plan"}
    return {**view, "plan": rollout.plan.document()}
