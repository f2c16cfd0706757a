"""HTTP: what was measured, window after window."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import AwareDatetime
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncEngine

from analyzer.api.access import MetricName, Reader, Target
from analyzer.domain.metrics.definitions import Definitions, TargetMetrics
from analyzer.domain.model import Dimension
from analyzer.domain.series import FINE, aligned, page, wider, width
from analyzer.domain.streams.sums import Sums, measurement
from analyzer.storage.definitions import DefinitionStore
from analyzer.storage.series import FOREVER, SeriesStore
from shared.auth.principal import Principal
from shared.problems import invalid

_LOOKED = 60
"""Windows of a dimension by which the width of its sparkline is chosen."""
_MOST_LATEST = 50_000


def series_router(engine: AsyncEngine) -> APIRouter:
    """Of the caller's project and environment."""
    router = APIRouter(prefix="/v1", tags=["quality"])

    @router.get("/quality/series")
    async def series(
        reader: Reader,
        target: Target = None,
        metric: MetricName = None,
        since: AwareDatetime | None = None,
        until: AwareDatetime | None = None,
        latest: Annotated[int | None, Query(ge=1, le=60)] = None,
        limit: Annotated[int, Query(ge=1, le=2000)] = 300,
    ) -> dict[str, Any]:
        """Each window's own values, with their 95 % interval; oldest first.

        Of one `target` and `metric`: all from `since` to `until`, in windows so wide that `limit` of them show it; only
        where more versions than that ran beside each other, `next` is the `since` of the next page. With `latest`: so
        many of the newest windows of each metric of each target, or of those asked for. A window is 5 s wide at least,
        and wide enough for 25 values on average.
        """
        async with engine.connect() as conn:
            store = SeriesStore(conn)
            definitions = await DefinitionStore(conn).load([(reader.project, reader.environment)])
            if latest is not None:
                if since is not None or until is not None:
                    raise invalid("since" if since else "until", "does not go with latest")
                return await _latest(store, definitions, reader, target, metric, latest)
            if target is None or metric is None:
                raise invalid("target" if target is None else "metric", "is needed without latest")
            names = (reader.project, reader.environment, target, metric)
            dimension = Dimension(*names, definitions.find(*names).metric.generation)
            span = since.timestamp() if since else 0.0, int(until.timestamp()) if until else FOREVER
            return await _whole(store, definitions, dimension, *span, limit)

    return router


async def _whole(
    store: SeriesStore, definitions: Definitions, dimension: Dimension, since: float, until: int, limit: int
) -> dict[str, Any]:
    extent = await store.span(dimension, aligned(since, FINE), until)
    if extent is None:
        return {"items": [], "next": None}
    step: int | None = width(extent, limit)
    rows: list[Row[Any]] = []
    while step is not None and (not rows or len(rows) > limit):
        asked = (dimension.id, step, aligned(max(since, extent.start), step))
        rows, step = await store.windows([asked], limit + 1, until), wider(step)
    shown, following = page([(row.start, row.seconds) for row in rows], limit)
    return {
        "items": _items(dimension, definitions, rows[:shown]),
        "next": None if following is None else _moment(following),
    }


async def _latest(
    store: SeriesStore,
    definitions: Definitions,
    reader: Principal,
    target: str | None,
    metric: str | None,
    latest: int,
) -> dict[str, Any]:
    within = {"project": reader.project, "environment": reader.environment, "target": target, "metric": metric}
    asked = []
    for dimension, extent in (await store.recent(within, _LOOKED)).items():
        if dimension.generation == definitions.find(*dimension[:4]).metric.generation:
            seconds = width(extent)
            asked.append((dimension.id, seconds, aligned(extent.end - 1, seconds) - (latest - 1) * seconds))
    rows = await store.windows(asked, _MOST_LATEST)
    return {"items": _items(Dimension(reader.project, reader.environment, "", ""), definitions, rows), "next": None}


def _items(within: Dimension, definitions: Definitions, rows: Sequence[Row[Any]]) -> list[dict[str, Any]]:
    return [_item(row, definitions.find(within.project, within.environment, row.target, row.metric)) for row in rows]


def _item(row: Row[Any], defined: TargetMetrics) -> dict[str, Any]:
    found = measurement(Sums(row.n, row.total, int(row.squares)), defined.usual)
    return {
        "target": row.target,
        "metric": row.metric,
        "direction": defined.definition.direction,
        "unit": defined.definition.unit,
        "prompt": row.prompt,
        "identity": row.identity,
        "start": _moment(row.start),
        "end": _moment(row.start + row.seconds),
        "n": found.n,
        "mean": found.mean,
        "low": found.low,
        "high": found.high,
    }


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()
