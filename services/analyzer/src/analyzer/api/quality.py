"""HTTP API of the current quality of each stream."""

from itertools import islice
from typing import Any
from uuid import UUID

from fastapi import APIRouter
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncEngine

from analyzer.api.access import Reader, Target
from analyzer.api.quality_models import QualityPage
from analyzer.domain.detection import Finding
from analyzer.domain.engine import QualityEngine
from analyzer.domain.model import Metric
from analyzer.domain.regressions.evidence import evidence_in_units
from analyzer.domain.streams.stream import Stream
from analyzer.domain.streams.sums import measurement
from analyzer.domain.units import to_percentage_points
from analyzer.domain.watch_rules import Rules
from analyzer.storage import queries
from analyzer.storage.definitions import DefinitionRepository
from analyzer.storage.state_rows import read_streams
from shared.events.quality import Measurement
from shared.metric_catalog import is_implicit
from shared.web.pagination import Cursor, Keyset, LongLimit
from shared.web.response_models import describe_response


def quality_router(engine: AsyncEngine, rules: Rules) -> APIRouter:
    """Return the routes; they read the caller's project and environment."""
    router = APIRouter(prefix="/v1/quality", tags=["quality"])

    @router.get("", responses=describe_response(QualityPage))
    async def list_quality(
        reader: Reader, target: Target = None, cursor: Cursor = None, limit: LongLimit = 100
    ) -> dict[str, Any]:
        """List every metric of every version: its measurement, and the result of its test.

        `verdict` is regressed, holds (an interval shows that it is within the floor of its baseline), inconclusive, no
        baseline yet, no data, or direction not declared: then no regression opens until `PUT /v1/metrics/{name}`
        declares it. `uncounted` has the number of values that are not counted, by reason; see `GET /v1/metrics`.
        """
        scope = queries.Scope(reader.project, reader.environment, target)
        keyset = Keyset("quality", str, str, str, UUID, filters=scope)
        name, metric, prompt, last = keyset.decode(cursor)
        after = None if cursor is None else (name, metric, prompt, last)
        async with engine.connect() as conn:
            rows = await queries.list_streams(conn, scope, after, limit)
            uncounted = await queries.count_uncounted(conn, scope._replace(target=None))
            definitions = await DefinitionRepository(conn).get_definitions([(reader.project, reader.environment)])
        state = QualityEngine(rules, definitions)
        page = keyset.page(
            rows,
            limit,
            key=lambda row: (row.target, row.metric, row.prompt, row.id),
            view=lambda row: row_to_views(row, state),
            uncounted=uncounted,
        )
        return {**page, "items": [item for views in page["items"] for item in views]}

    return router


def row_to_views(row: Row[Any], engine: QualityEngine) -> list[dict[str, Any]]:
    """Return a stream as the API shows it; empty if no value counts by the definition in force."""
    metric = engine.definitions.find(row.project, row.environment, row.target, row.metric).metric
    return [to_view(stream, metric, engine.rules) for stream in islice(read_streams(row, engine), 1)]


def to_view(stream: Stream, metric: Metric, rules: Rules) -> dict[str, Any]:
    """Return a stream as the API shows it."""
    dimension, prompt = stream.key.prompt_metric
    finding, declared = stream.finding(), metric.direction != "undeclared"
    settings = rules.watching(dimension, metric).settings
    return {
        "project": dimension.project,
        "environment": dimension.environment,
        "target": dimension.target,
        "metric": dimension.metric,
        "implicit": is_implicit(dimension.metric),
        "prompt": prompt,
        "identity": stream.key.identity,
        "direction": metric.direction,
        "unit": metric.unit,
        "measurement": measurement(stream.sums, metric).model_dump(),
        "compared_with": stream.baseline.identity if stream.baseline else None,
        "verdict": finding.answer if declared else "direction not declared",
        "method": finding.method,
        "alpha": settings.alpha,
        "floor_pp": to_percentage_points(settings.floor, metric),
        **_comparison(finding if declared else None, metric),
    }


def _comparison(finding: Finding | None, metric: Metric) -> dict[str, Any]:
    if finding is None or finding.before is None or finding.after is None or finding.drop is None:
        return dict.fromkeys(("baseline", "current", "delta_pp", "low_pp", "high_pp"))
    return {
        name: value.model_dump() if isinstance(value, Measurement) else value
        for name, value in evidence_in_units(finding, metric).items()
    }
