"""HTTP API of measured values by time window."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import AwareDatetime
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncEngine

from analyzer.api.access import MetricName, Reader, Target
from analyzer.api.quality_models import WindowPage
from analyzer.domain.metrics.definitions import Definitions, TargetMetrics
from analyzer.domain.model import Dimension
from analyzer.domain.series import FINE, split_page, wider, width, window_start
from analyzer.domain.streams.sums import Sums, measurement
from analyzer.storage.definitions import DefinitionRepository
from analyzer.storage.series import FOREVER, SeriesRepository
from shared.auth.principal import Principal
from shared.problems import invalid
from shared.web.pagination import Cursor, Keyset
from shared.web.query import check_period
from shared.web.response_models import describe_response

_WIDTH_SAMPLE = 60
"""Windows of a dimension that determine the width of its sparkline windows."""
_MAX_LATEST = 50_000


def series_router(engine: AsyncEngine) -> APIRouter:
    """Return the routes; they read the caller's project and environment."""
    router = APIRouter(prefix="/v1", tags=["quality"])

    @router.get("/quality/series", responses=describe_response(WindowPage))
    async def list_windows(
        reader: Reader,
        target: Target = None,
        metric: MetricName = None,
        since: AwareDatetime | None = None,
        until: AwareDatetime | None = None,
        latest: Annotated[int | None, Query(ge=1, le=60)] = None,
        cursor: Cursor = None,
        limit: Annotated[int, Query(ge=1, le=2000)] = 300,
    ) -> dict[str, Any]:
        """Return the mean and 95 % interval of each time window, oldest first.

        Without `latest`: all values of one `target` and `metric` from `since` to `until`, in windows wide enough that
        about `limit` of them cover it; if more versions ran in parallel, there is a next page. With
        `latest`: that number of newest windows of each metric of each target, or of those that are given. A window is
        at least 5 s wide, and wide enough for 25 values on average.
        """
        async with engine.connect() as conn:
            repository = SeriesRepository(conn)
            definitions = await DefinitionRepository(conn).get_definitions([(reader.project, reader.environment)])
            if latest is not None:
                if since is not None or until is not None:
                    raise invalid("since" if since else "until", "cannot be combined with latest")
                return await _list_latest(repository, definitions, reader, target, metric, latest)
            if target is None or metric is None:
                raise invalid("target" if target is None else "metric", "is required unless latest is given")
            check_period(since, until)
            names = (reader.project, reader.environment, target, metric)
            return await _list_period(repository, definitions, names, (since, until), cursor, limit)

    return router


async def _list_period(
    repository: SeriesRepository,
    definitions: Definitions,
    names: tuple[str, str, str, str],
    period: tuple[datetime | None, datetime | None],
    cursor: str | None,
    limit: int,
) -> dict[str, Any]:
    """Return a page of the windows of one metric: `names` are project, environment, target and metric."""
    since, until = (None if moment is None else moment.timestamp() for moment in period)
    dimension = Dimension(*names, definitions.find(*names).metric.generation)
    keyset = Keyset("series", int, filters=(*names, since, until))
    [start] = keyset.decode(cursor)
    bounds = float(start if start is not None else since or 0.0), FOREVER if until is None else int(until)
    views, following = await _list_range(repository, definitions, dimension, *bounds, limit)
    return {"items": views, "next": None if following is None else keyset.encode(following)}


async def _list_range(
    repository: SeriesRepository, definitions: Definitions, dimension: Dimension, since: float, until: int, limit: int
) -> tuple[list[dict[str, Any]], int | None]:
    """Return the windows of a page, and the Unix time at which the next one starts, if there is one."""
    extent = await repository.get_extent(dimension, window_start(since, FINE), until)
    if extent is None:
        return [], None
    step: int | None = width(extent, limit)
    rows: list[Row[Any]] = []
    while step is not None and (not rows or len(rows) > limit):
        request = (dimension.id, step, window_start(max(since, extent.start), step))
        rows, step = await repository.list_windows([request], limit + 1, until), wider(step)
    shown, following = split_page([(row.start, row.seconds) for row in rows], limit)
    return _to_views(dimension, definitions, rows[:shown]), following


async def _list_latest(
    repository: SeriesRepository,
    definitions: Definitions,
    reader: Principal,
    target: str | None,
    metric: str | None,
    latest: int,
) -> dict[str, Any]:
    within = {"project": reader.project, "environment": reader.environment, "target": target, "metric": metric}
    requests = []
    for dimension, extent in (await repository.list_recent(within, _WIDTH_SAMPLE)).items():
        if dimension.generation == definitions.find(*dimension[:4]).metric.generation:
            seconds = width(extent)
            requests.append((dimension.id, seconds, window_start(extent.end - 1, seconds) - (latest - 1) * seconds))
    rows = await repository.list_windows(requests, _MAX_LATEST)
    return {"items": _to_views(Dimension(reader.project, reader.environment, "", ""), definitions, rows), "next": None}


def _to_views(within: Dimension, definitions: Definitions, rows: Sequence[Row[Any]]) -> list[dict[str, Any]]:
    return [_to_view(row, definitions.find(within.project, within.environment, row.target, row.metric)) for row in rows]


def _to_view(row: Row[Any], defined: TargetMetrics) -> dict[str, Any]:
    found = measurement(Sums(row.n, row.total, int(row.squares)), defined.usual)
    return {
        "target": row.target,
        "metric": row.metric,
        "direction": defined.definition.direction,
        "unit": defined.definition.unit,
        "prompt": row.prompt,
        "identity": row.identity,
        "start": _iso(row.start),
        "end": _iso(row.start + row.seconds),
        "n": found.n,
        "mean": found.mean,
        "low": found.low,
        "high": found.high,
    }


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()
