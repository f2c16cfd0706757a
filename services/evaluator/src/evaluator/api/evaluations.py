"""HTTP API of evaluations: their list, progress and reports."""

import json
from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from sqlalchemy.ext.asyncio import AsyncEngine

from evaluator.api.evaluation_models import EvaluationPage, EvaluationView, ReportView
from evaluator.domain.direct_terms import DirectTerms
from evaluator.domain.waiting_reasons import ShownState, waiting_reason
from evaluator.storage.direct_usage import list_exhausted_prompts
from evaluator.storage.evaluation_views import EvaluationFilter, EvaluationViewRepository
from shared.auth.principal import Principal
from shared.problems import Problem
from shared.runtime.clock import Clock
from shared.web.authentication import require
from shared.web.pagination import Cursor, Keyset, Limit
from shared.web.problem_docs import problems
from shared.web.response_models import describe_response
from shared.web.routers import combine_routers

Reader = Annotated[Principal, Depends(require("read"))]
Target = Annotated[str | None, Query(max_length=256, pattern=r"^[^\x00]+$")]
_UNKNOWN = problems({404: ["unknown-evaluation"]})
_FORMS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The report; `digest` is the SHA-256 of the RFC 8785 JSON of `content`",
        "model": ReportView,
        "content": {"text/html": {"schema": {"type": "string"}}},
    }
}
_INTERNAL = {
    "shown_state", "stored_state", "answered", "total", "waits_for_judges", "is_served", "served_before",
    "published_at",
}  # fmt: skip
_PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox"


def evaluations_router(engine: AsyncEngine, clock: Clock, direct: DirectTerms | None = None) -> APIRouter:
    """Return the routes below `/v1/evaluations`. `direct`: the endpoint that answers some prompts, if there is one."""
    return combine_routers(_evaluation_routes(engine, clock, direct), _report_routes(engine))


def _evaluation_routes(engine: AsyncEngine, clock: Clock, direct: DirectTerms | None) -> APIRouter:
    router = APIRouter(prefix="/v1/evaluations", tags=["evaluations"])

    @router.get("", responses=describe_response(EvaluationPage))
    async def list_evaluations(
        principal: Reader, proposal_id: UUID | None = None, bisection_id: UUID | None = None,
        target: Target = None, state: ShownState | None = None, cursor: Cursor = None, limit: Limit = 20,
    ) -> dict[str, Any]:  # fmt: skip
        """Return evaluations, newest first. `progress` has the answers so far, and the most that are needed.

        The probes of a bisection are listed with `bisection_id` only.
        """
        scope = (principal.project, principal.environment)
        keyset = Keyset("evaluations", datetime, UUID, filters=(*scope, proposal_id, bisection_id, target, state))
        at, last = keyset.decode(cursor)
        query = EvaluationFilter(proposal_id, bisection_id, target, state, (at, last), limit)
        now = clock.now()
        async with engine.connect() as conn:
            exhausted = await list_exhausted_prompts(conn, direct, scope, now.date())
            found = await EvaluationViewRepository(conn, *scope, exhausted).list_evaluations(query, now)
        view = partial(evaluation_to_json, now=now)
        return keyset.page(found, limit, key=lambda it: (it["requested_at"], it["id"]), view=view)

    @router.get("/{evaluation_id}", responses=describe_response(EvaluationView) | _UNKNOWN)
    async def evaluation(principal: Reader, evaluation_id: UUID) -> dict[str, Any]:
        """Return an evaluation: state, progress, and with its end verdict and digest of the report."""
        scope, now = (principal.project, principal.environment), clock.now()
        async with engine.connect() as conn:
            exhausted = await list_exhausted_prompts(conn, direct, scope, now.date())
            found = await EvaluationViewRepository(conn, *scope, exhausted).get_evaluation(evaluation_id, now)
        if found is None:
            raise Problem(404, "unknown-evaluation", "There is no such evaluation here")
        return evaluation_to_json(found, now)

    return router


def _report_routes(engine: AsyncEngine) -> APIRouter:
    router = APIRouter(prefix="/v1/evaluations", tags=["evaluations"])

    @router.get("/{evaluation_id}/report", responses={**_FORMS, **problems({404: ["unknown-report"]})})
    async def report(
        principal: Reader,
        evaluation_id: UUID,
        format: Literal["json", "html"] = "json",
    ) -> Response:
        """Return the report of a completed evaluation; with `format=html` as a page."""
        async with engine.connect() as conn:
            views = EvaluationViewRepository(conn, principal.project, principal.environment)
            found = await views.get_report(evaluation_id)
        if found is None:
            raise Problem(404, "unknown-report", "There is no report: the evaluation is unknown, or not completed")
        return _page(found) if format == "html" else _document(found)

    return router


def evaluation_to_json(view: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """Return the JSON fields of an evaluation."""
    shown = {name: value for name, value in view.items() if name not in _INTERNAL}
    progress = None if view["total"] is None else {"answered": view["answered"], "total": view["total"]}
    return {**shown, "state": view["shown_state"], "waiting_reason": waiting_reason(view, now), "progress": progress}


def _document(found: Mapping[str, Any]) -> Response:
    """Return the report with its content exactly as it was digested."""
    digest = json.dumps(found["digest"])
    body = f'{{"digest":{digest},"content":{found["content"]},"measurements":{found["measurements"]}}}'
    return Response(body, media_type="application/json")


def _page(found: Mapping[str, Any]) -> Response:
    return Response(found["html"], media_type="text/html", headers={"Content-Security-Policy": _PAGE_POLICY})
