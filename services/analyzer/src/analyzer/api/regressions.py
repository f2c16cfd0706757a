"""HTTP: what the analyzer knows, for those who may read. Nothing here changes anything."""

import json
from dataclasses import asdict
from itertools import islice
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query
from sqlalchemy import ColumnElement, Row, Select, func, select, tuple_
from sqlalchemy import Text as SqlText
from sqlalchemy.ext.asyncio import AsyncEngine

from analyzer.api.access import Reader, Target
from analyzer.domain.detection import Finding
from analyzer.domain.engine import QualityEngine
from analyzer.domain.metrics.definitions import Definitions
from analyzer.domain.model import Metric
from analyzer.domain.regressions.evidence import evidence_in_units
from analyzer.domain.regressions.explanation import explain_regression
from analyzer.domain.rules import Rules
from analyzer.domain.streams.stream import Stream
from analyzer.domain.streams.sums import measurement
from analyzer.domain.units import to_percentage_points
from analyzer.storage.definitions import DefinitionStore
from analyzer.storage.repository import read_regression, read_streams
from analyzer.storage.tables import regressions, streams, uncounted
from shared.auth.principal import Principal
from shared.events.quality import Measurement, RegressionDetected, RegressionResolved
from shared.problems import Problem

Limit = Annotated[int, Query(ge=1, le=1000)]
Position = Annotated[int | None, Query(ge=0, lt=2**63)]


def routes(engine: AsyncEngine, rules: Rules) -> APIRouter:
    """Regressions and quality of the caller's project and environment."""
    router = APIRouter(prefix="/v1", tags=["quality"])

    async def fetch(statement: Select[Any]) -> list[Row[Any]]:
        async with engine.connect() as conn:
            return list(await conn.execute(statement))

    async def definitions_of(reader: Principal) -> Definitions:
        async with engine.connect() as conn:
            return await DefinitionStore(conn).load([(reader.project, reader.environment)])

    @router.get("/regressions")
    async def list_regressions(
        reader: Reader,
        state: Literal["open", "resolved"] | None = None,
        target: Target = None,
        after: Position = None,
        limit: Limit = 100,
    ) -> dict[str, Any]:
        """The latest first; `next` is the `after` of the next page."""
        conditions = _within(regressions.c, reader, target)
        if state is not None:
            conditions.append(regressions.c.state == state)
        if after is not None:
            conditions.append(regressions.c.position < after)
        statement = _REGRESSIONS.where(*conditions).order_by(regressions.c.position.desc()).limit(limit)
        rows = await fetch(statement)
        return {
            "items": [_regression(row) for row in rows],
            "next": rows[-1].position if len(rows) == limit else None,
        }

    @router.get("/regressions/{regression_id}")
    async def one_regression(regression_id: UUID, reader: Reader) -> dict[str, Any]:
        """One, with an `explanation`: why it was raised and what would change the mind, in sentences."""
        conditions = [*_within(regressions.c, reader, None), regressions.c.id == regression_id]
        rows = await fetch(_REGRESSION.where(*conditions))
        if not rows:
            raise Problem(404, "regression-unknown", "No regression has this id")
        definitions = await definitions_of(reader)
        regression = read_regression(rows[0], rules, definitions)
        metric = definitions.find(*regression.dimension[:4]).by(regression.detected.direction)
        explanation = asdict(explain_regression(regression, metric))
        return {**_regression(rows[0]), "good_executions": rows[0].good, "explanation": explanation}

    @router.get("/quality")
    async def quality(
        reader: Reader, target: Target = None, after: UUID | None = None, limit: Limit = 100
    ) -> dict[str, Any]:
        """Every metric of every version: how good it is, and what can be said about it.

        `verdict` is one of regressed, holds (within the floor of its baseline, by an interval), inconclusive, no
        baseline yet, no data, and direction not declared: then nothing is raised until `PUT /v1/metrics/{name}` says
        what is good. `uncounted` says how many values are not counted, by reason; `GET /v1/metrics` has the details.
        """
        conditions = _within(streams.c, reader, target)
        if after is not None:
            last = select(*_ORDER).where(streams.c.id == after).scalar_subquery()
            conditions.append(tuple_(*_ORDER) > last)
        rows = await fetch(_STREAMS.where(*conditions).order_by(*_ORDER).limit(limit))
        nowhere = await fetch(_UNCOUNTED.where(*_within(uncounted.c, reader, None)))
        engine = QualityEngine(rules, await definitions_of(reader))
        return {
            "items": [item for row in rows for item in row_to_view(row, engine)],
            "next": str(rows[-1].id) if len(rows) == limit else None,
            "uncounted": {row.reason: int(row.n) for row in nowhere},
        }

    return router


_ORDER = (streams.c.target, streams.c.metric, streams.c.prompt, streams.c.id)
_UNCOUNTED = select(uncounted.c.reason, func.sum(uncounted.c.n).label("n")).group_by(uncounted.c.reason)
_STREAMS = select(
    streams.c.id,
    streams.c.project,
    streams.c.environment,
    streams.c.target,
    streams.c.metric,
    streams.c.prompt,
    streams.c.identity,
    streams.c.generation,
    streams.c.state.cast(SqlText).label("state"),
    streams.c.mirrored.cast(SqlText).label("mirrored"),
)
_REGRESSIONS = select(
    regressions.c.position,
    regressions.c.state,
    regressions.c.opened_at,
    regressions.c.resolved_at,
    regressions.c.detected.cast(SqlText).label("detected"),
    regressions.c.resolved.cast(SqlText).label("resolved"),
    regressions.c.terms.cast(SqlText).label("terms"),
)
_REGRESSION = _REGRESSIONS.add_columns(regressions.c.good, regressions.c.memory.cast(SqlText).label("memory"))


def _within(columns: Any, reader: Principal, target: str | None) -> list[ColumnElement[bool]]:
    """What the key allows to see, and of that what was asked for."""
    conditions = [columns.project == reader.project, columns.environment == reader.environment]
    return conditions if target is None else [*conditions, columns.target == target]


def _regression(row: Row[Any]) -> dict[str, Any]:
    detected = RegressionDetected.model_validate_json(row.detected).model_dump(mode="json")
    resolved = RegressionResolved.model_validate_json(row.resolved) if row.resolved else None
    return {
        **detected,
        "id": detected["regression_id"],
        "state": row.state,
        "revision": resolved.revision if resolved else detected["revision"],
        "terms": json.loads(row.terms),
        "opened_at": row.opened_at.isoformat(),
        "resolved_at": row.resolved_at.isoformat() if row.resolved_at else None,
        "recovered": resolved.current.model_dump() if resolved else None,
        "resolved_by": resolved.resolved_by.model_dump() if resolved else None,
    }


def row_to_view(row: Row[Any], engine: QualityEngine) -> list[dict[str, Any]]:
    """A row of streams as the API tells it: nothing where no value counts by the definition in force."""
    metric = engine.definitions.find(row.project, row.environment, row.target, row.metric).metric
    return [to_view(stream, metric, engine.rules) for stream in islice(read_streams(row, engine), 1)]


def to_view(stream: Stream, metric: Metric, rules: Rules) -> dict[str, Any]:
    """A stream as the API tells it."""
    dimension, prompt = stream.key.prompt_metric
    finding, declared = stream.finding(), metric.direction != "undeclared"
    settings = rules.watching(dimension, metric).settings
    return {
        "project": dimension.project,
        "environment": dimension.environment,
        "target": dimension.target,
        "metric": dimension.metric,
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
        **_compared(finding if declared else None, metric),
    }


def _compared(finding: Finding | None, metric: Metric) -> dict[str, Any]:
    if finding is None or finding.before is None or finding.after is None or finding.drop is None:
        return dict.fromkeys(("baseline", "current", "delta_pp", "low_pp", "high_pp"))
    return {
        name: value.model_dump() if isinstance(value, Measurement) else value
        for name, value in evidence_in_units(finding, metric).items()
    }
