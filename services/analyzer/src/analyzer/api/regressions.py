"""HTTP API of regressions."""

import json
from dataclasses import asdict
from typing import Any, Literal
from uuid import UUID

from fastapi import APIRouter
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncEngine

from analyzer.api.access import Reader, Target
from analyzer.api.quality_models import RegressionDetails, RegressionPage
from analyzer.domain.regressions.explanation import explain_regression
from analyzer.domain.watch_rules import Rules
from analyzer.storage import queries
from analyzer.storage.definitions import DefinitionRepository
from analyzer.storage.state_rows import read_regression
from shared.events.quality import RegressionDetected, RegressionResolved
from shared.metric_catalog import is_implicit
from shared.problems import Problem
from shared.web.pagination import Cursor, Keyset, LongLimit
from shared.web.problem_docs import problems
from shared.web.response_models import describe_response


def regressions_router(engine: AsyncEngine, rules: Rules) -> APIRouter:
    """Return the routes; they read the caller's project and environment."""
    router = APIRouter(prefix="/v1/regressions", tags=["quality"])

    @router.get("", responses=describe_response(RegressionPage))
    async def list_regressions(
        reader: Reader,
        state: Literal["open", "resolved"] | None = None,
        target: Target = None,
        cursor: Cursor = None,
        limit: LongLimit = 100,
    ) -> dict[str, Any]:
        """List regressions, newest first."""
        scope = queries.Scope(reader.project, reader.environment, target)
        keyset = Keyset("regressions", int, filters=(*scope, state))
        [before] = keyset.decode(cursor)
        async with engine.connect() as conn:
            rows = await queries.list_regressions(conn, scope, state, before, limit)
        return keyset.page(rows, limit, key=lambda row: [row.position], view=to_view)

    @router.get(
        "/{regression_id}", responses=describe_response(RegressionDetails) | problems({404: ["regression-unknown"]})
    )
    async def get_regression(regression_id: UUID, reader: Reader) -> dict[str, Any]:
        """Return a regression with an `explanation` in sentences: reasons, causes, and what would resolve it."""
        async with engine.connect() as conn:
            scope = queries.Scope(reader.project, reader.environment)
            row = await queries.get_regression(conn, scope, regression_id)
            definitions = await DefinitionRepository(conn).get_definitions([(reader.project, reader.environment)])
        if row is None:
            raise Problem(404, "regression-unknown", "No regression has this id")
        regression = read_regression(row, rules, definitions)
        metric = definitions.find(*regression.dimension[:4]).by(regression.detected.direction)
        explanation = asdict(explain_regression(regression, metric))
        return {**to_view(row), "good_executions": row.good, "explanation": explanation}

    return router


def to_view(row: Row[Any]) -> dict[str, Any]:
    """Return a regression as the API shows it."""
    detected = RegressionDetected.model_validate_json(row.detected).model_dump(mode="json")
    resolved = RegressionResolved.model_validate_json(row.resolved) if row.resolved else None
    return {
        **detected,
        "implicit": is_implicit(detected["metric"]),
        "id": detected["regression_id"],
        "state": row.state,
        "revision": resolved.revision if resolved else detected["revision"],
        "terms": json.loads(row.terms),
        "opened_at": row.opened_at.isoformat(),
        "resolved_at": row.resolved_at.isoformat() if row.resolved_at else None,
        "recovered": resolved.current.model_dump() if resolved else None,
        "resolved_by": resolved.resolved_by.model_dump() if resolved else None,
    }
