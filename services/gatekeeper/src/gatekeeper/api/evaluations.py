"""HTTP API of evaluations of proposals: request another one, and choose which targets need one."""

from dataclasses import asdict
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from sqlalchemy.ext.asyncio import AsyncEngine

from gatekeeper.api.boundary_problems import AUTHORITY
from gatekeeper.api.proposal_models import ChosenRuleView, RequestedEvaluationView, RulePage
from gatekeeper.api.request_body import Label, OptionalReason, RequestBody, describe_body, json_body, presented_key
from gatekeeper.storage.boundary_functions import call_function
from gatekeeper.storage.evaluations import EvaluationRepository
from gatekeeper.storage.proposals import ProposalRepository
from gatekeeper.use_cases.evaluations import request_evaluation
from gatekeeper.use_cases.unit_of_work import UnitOfWorkFactory
from shared.auth.principal import Principal
from shared.problems import Problem
from shared.web.authentication import require
from shared.web.pagination import Cursor, Keyset, LongLimit
from shared.web.problem_docs import problems
from shared.web.response_models import describe_response
from shared.web.routers import combine_routers

Reader = Annotated[Principal, Depends(require("read"))]
Requester = Annotated[Principal, Depends(require("tune", "review", person=True))]
Admin = Annotated[Principal, Depends(require("admin", person=True))]


class NewEvaluationRule(RequestBody):
    """Whether approvals about `target` need a passed evaluation.

    `default`: if the target has a golden set with at least 30 independent cases.
    """

    target: Label
    rule: Literal["required", "advisory", "default"]
    reason: OptionalReason = ""


_RULE = {"target": "support-bot", "rule": "required", "reason": "Customers read these answers"}


def evaluations_router(engine: AsyncEngine, units: UnitOfWorkFactory) -> APIRouter:
    """Return `/v1/evaluation-rules` and the request of another evaluation of a proposal."""
    return combine_routers(_request_routes(units), _rule_routes(engine, units))


def _request_routes(units: UnitOfWorkFactory) -> APIRouter:
    router = APIRouter(prefix="/v1/proposals", tags=["proposals"])

    @router.post(
        "/{proposal_id}/evaluations",
        status_code=202,
        responses=describe_response(RequestedEvaluationView, 202)
        | problems({404: ["unknown-proposal"], 409: ["not-evaluable"]}),
    )
    async def request(principal: Requester, proposal_id: UUID) -> dict[str, Any]:
        """Request another evaluation of an open proposal; the proposal shows it when it is completed."""
        async with units.begin() as unit:
            scope = (principal.project, principal.environment)
            stored = await ProposalRepository(unit.conn).get_proposal(*scope, proposal_id)
            if stored is None:
                raise Problem(404, "unknown-proposal", "There is no such proposal here")
            if not await request_evaluation(unit, stored, principal.subject):
                raise Problem(409, "not-evaluable", "This proposal can't be evaluated: it is decided, or has no base")
        return {"proposal_id": proposal_id, "requested": True}

    return router


def _rule_routes(engine: AsyncEngine, units: UnitOfWorkFactory) -> APIRouter:
    router = APIRouter(prefix="/v1/evaluation-rules", tags=["evaluation rules"])

    @router.get("", responses=describe_response(RulePage))
    async def rules(principal: Reader, cursor: Cursor = None, limit: LongLimit = 1000) -> dict[str, Any]:
        """Return the targets that have a golden set or a chosen rule, and whether approvals need an evaluation."""
        scope = principal.project, principal.environment
        keyset = Keyset("evaluation-rules", str, filters=scope)
        (after,) = keyset.decode(cursor)
        async with engine.connect() as conn:
            found = await EvaluationRepository(conn).list_rules(*scope, after or "", limit)
        return keyset.page(found, limit, key=lambda it: (it.target,), view=asdict)

    @router.post(
        "",
        responses=describe_response(ChosenRuleView),
        openapi_extra=describe_body(NewEvaluationRule, _RULE, *AUTHORITY),
    )
    async def choose(
        request: Request, principal: Admin, body: Annotated[NewEvaluationRule, Depends(json_body(NewEvaluationRule))]
    ) -> dict[str, Any]:
        """Choose whether approvals about a target need a passed evaluation; in the audit."""
        async with units.begin() as unit:
            choice = (body.target, body.rule, body.reason)
            await call_function(unit.conn, "set_evaluation_rule", presented_key(request), *choice)
            await unit.sign_audit_head(principal.project)
        return {"target": body.target, "rule": body.rule}

    return router
