"""The SQL of the kill switch: reading it."""

from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from gatekeeper.refusals import Refused

_LOOP = text(
    """SELECT p.project, p.halted, p.revision, c.by, c.reason, c.at
       FROM gatekeeper.projects p LEFT JOIN gatekeeper.loop_changes c USING (project, revision)
       WHERE p.project = :project"""
)


async def loop(conn: AsyncConnection, project: str) -> dict[str, Any]:
    """Whether the project is halted, since when and by whom."""
    row = (await conn.execute(_LOOP, {"project": project})).mappings().one_or_none()
    if row is None:
        raise Refused("unknown-project", "the project was never set up")
    return dict(row)
