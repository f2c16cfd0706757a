"""Reads executions for `GET /v1/executions`."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine

from collector.storage import queries


class ExecutionReader:
    """Reads stored executions on connections of the pool."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def list_executions(self, references: Sequence[bytes]) -> dict[bytes, Any]:
        """Return the rows with these references, by reference; unknown ones are absent."""
        return {row.reference: row for row in await self._fetch(queries.LIST_EXECUTIONS, list(references))}

    async def get_latest_execution(self, project: str, environment: str, target: str) -> Any | None:
        """Return the newest row of a target; None if there is none."""
        rows = await self._fetch(queries.LATEST_EXECUTION, project, environment, target)
        return rows[0] if rows else None

    async def _fetch(self, query: str, *values: object) -> Sequence[Any]:
        async with self._engine.connect() as conn:
            return (await conn.exec_driver_sql(query, values)).all()
