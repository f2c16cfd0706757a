"""Saved views of the list of executions."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncEngine

MAX_VIEWS = 100
"""Views of one person, and shared views that others get to see, in one environment."""

_LIST = text(
    f"""(SELECT owner, name, shared, filters, columns, updated_at FROM collector.execution_views
         WHERE (project, environment, owner) = (:project, :environment, :owner) LIMIT {MAX_VIEWS})
        UNION ALL
        (SELECT owner, name, shared, filters, columns, updated_at FROM collector.execution_views
         WHERE (project, environment) = (:project, :environment) AND shared AND owner <> :owner
         ORDER BY updated_at DESC LIMIT {MAX_VIEWS})
        ORDER BY name, owner"""
)
# The lock lets one person's views be counted without another one of theirs in between.
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:owner, 0))")
_OTHERS = text(
    """SELECT count(*) FROM collector.execution_views
       WHERE (project, environment, owner) = (:project, :environment, :owner) AND name <> :name"""
)
_SAVE = text(
    """INSERT INTO collector.execution_views (project, environment, owner, name, shared, filters, columns, updated_at)
       VALUES (:project, :environment, :owner, :name, :shared, CAST(:filters AS jsonb), :columns, :updated_at)
       ON CONFLICT (project, environment, owner, name) DO UPDATE
       SET (shared, filters, columns, updated_at)
         = (excluded.shared, excluded.filters, excluded.columns, excluded.updated_at)"""
)
_DELETE = text(
    """DELETE FROM collector.execution_views
       WHERE (project, environment, owner, name) = (:project, :environment, :owner, :name)"""
)


class ViewOwner(NamedTuple):
    """The person or service that saves views, in one environment."""

    project: str
    environment: str
    owner: str


class ViewRepository:
    """Reads and writes views, each call in a transaction of its own."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def list_views(self, owner: ViewOwner) -> Sequence[Row[Any]]:
        """Return the owner's views and the shared ones of others, by name."""
        async with self._engine.connect() as conn:
            return (await conn.execute(_LIST, owner._asdict())).all()

    async def save_view(
        self, owner: ViewOwner, name: str, shared: bool, filters: str, columns: Sequence[str], now: datetime
    ) -> bool:
        """Create or replace a view, whose filters are JSON; return False if the owner has too many."""
        given: Mapping[str, object] = {**owner._asdict(), "name": name}
        async with self._engine.begin() as conn:
            await conn.execute(_LOCK, {"owner": "\x1f".join(owner)})
            if (await conn.execute(_OTHERS, given)).scalar_one() >= MAX_VIEWS:
                return False
            row = {**given, "shared": shared, "filters": filters, "columns": list(columns), "updated_at": now}
            await conn.execute(_SAVE, row)
            return True

    async def delete_view(self, owner: ViewOwner, name: str) -> bool:
        """Delete a view of the owner; return whether there was one."""
        async with self._engine.begin() as conn:
            return (await conn.execute(_DELETE, {**owner._asdict(), "name": name})).rowcount > 0
