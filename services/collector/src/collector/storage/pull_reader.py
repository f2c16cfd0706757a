"""Reads the state of pulls for the API."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from collector.domain.pulls.pull_state import PullState
from collector.storage.pull_repository import LIST_PULLS, to_state

_LIST = text(LIST_PULLS)


class PullReader:
    """Reads with the connections of the HTTP routes."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def list_pulls(self, project: str, environment: str) -> list[PullState]:
        """Return the pulls into a project and environment, by name."""
        async with self._engine.connect() as conn:
            rows = await conn.execute(_LIST, {"project": project, "environment": environment})
            return [to_state(row) for row in rows]
