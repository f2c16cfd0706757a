"""Read the kill switch."""

from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_SWITCH = text(
    """SELECT l.environment, l.halted, l.revision, l.by, l.reason, l.at FROM gatekeeper.loops l
       WHERE l.project = :project AND l.environment IN ('*', :environment)
       ORDER BY l.halted DESC, l.environment = '*' DESC, l.revision DESC LIMIT 1"""
)
_UNAUDITED = text("SELECT EXISTS (SELECT FROM gatekeeper.unaudited_loops WHERE project = :project)")

ALL_ENVIRONMENTS = "*"
"""The environment of a key, or of a kill switch, for the whole project."""


async def get_kill_switch(conn: AsyncConnection, project: str, environment: str) -> dict[str, Any]:
    """Return whether the environment is halted, and the change behind that: its own, or that of the whole project."""
    row = (await conn.execute(_SWITCH, {"project": project, "environment": environment})).mappings().one_or_none()
    changed: dict[str, Any] = dict(row or {"halted": False, "revision": 0, "by": None, "reason": None, "at": None})
    whole = changed.pop("environment", environment) == ALL_ENVIRONMENTS
    return {
        "project": project,
        "environment": environment,
        "scope": "project" if whole else "environment",
        **changed,
    }


async def has_unaudited_changes(conn: AsyncConnection, project: str) -> bool:
    """Return whether there are changes without an entry in the audit chain."""
    return bool((await conn.execute(_UNAUDITED, {"project": project})).scalar_one())


async def ping(conn: AsyncConnection) -> None:
    """Check that the connection works. Raises DBAPIError if it doesn't."""
    await conn.execute(text("SELECT 1"))
