"""Read-only queries of the API, in the caller's project and environment."""

from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Row, func, select, tuple_
from sqlalchemy import Text as SqlText
from sqlalchemy.ext.asyncio import AsyncConnection

from analyzer.storage.tables import regressions, streams, uncounted

StreamSortKey = tuple[str, str, str, UUID]
"""Target, metric, prompt and id of a stream."""

_STREAM_ORDER = (streams.c.target, streams.c.metric, streams.c.prompt, streams.c.id)
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
_UNCOUNTED = select(uncounted.c.reason, func.sum(uncounted.c.n).label("n")).group_by(uncounted.c.reason)


class Scope(NamedTuple):
    """What a query may read: a project and environment, and of it one target or all (None)."""

    project: str
    environment: str
    target: str | None = None


async def list_regressions(
    conn: AsyncConnection, scope: Scope, state: str | None, before: int | None, limit: int
) -> list[Row[Any]]:
    """Return at most `limit` regressions with a position below `before`, newest first; JSON columns as text."""
    conditions = _in_scope(regressions.c, scope)
    if state is not None:
        conditions.append(regressions.c.state == state)
    if before is not None:
        conditions.append(regressions.c.position < before)
    statement = _REGRESSIONS.where(*conditions).order_by(regressions.c.position.desc()).limit(limit)
    return list(await conn.execute(statement))


async def get_regression(conn: AsyncConnection, scope: Scope, regression_id: UUID) -> Row[Any] | None:
    """Return a regression with its recovery state; JSON columns as text. None if it does not exist."""
    conditions = [*_in_scope(regressions.c, scope), regressions.c.id == regression_id]
    return (await conn.execute(_REGRESSION.where(*conditions))).one_or_none()


async def list_streams(conn: AsyncConnection, scope: Scope, after: StreamSortKey | None, limit: int) -> list[Row[Any]]:
    """Return at most `limit` streams that follow `after`, ordered by target, metric, prompt and id."""
    conditions = _in_scope(streams.c, scope)
    if after is not None:
        conditions.append(tuple_(*_STREAM_ORDER) > after)
    return list(await conn.execute(_STREAMS.where(*conditions).order_by(*_STREAM_ORDER).limit(limit)))


async def count_uncounted(conn: AsyncConnection, scope: Scope) -> dict[str, int]:
    """Return the number of uncounted values by reason."""
    rows = await conn.execute(_UNCOUNTED.where(*_in_scope(uncounted.c, scope)))
    return {row.reason: int(row.n) for row in rows}


def _in_scope(columns: Any, scope: Scope) -> list[ColumnElement[bool]]:
    conditions = [columns.project == scope.project, columns.environment == scope.environment]
    return conditions if scope.target is None else [*conditions, columns.target == scope.target]
