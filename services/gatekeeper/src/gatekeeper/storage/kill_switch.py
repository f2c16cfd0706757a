"""Read the kill switch."""

from typing import Literal

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from gatekeeper.domain.model import KillSwitchState

_SWITCH = text(
    """SELECT l.environment, l.halted, l.revision, l.by, l.reason, l.at FROM gatekeeper.kill_switches l
       WHERE l.project = :project AND l.environment IN ('*', :environment)
       ORDER BY l.halted DESC, l.environment = '*' DESC, l.revision DESC LIMIT 1"""
)
_UNAUDITED = text("SELECT EXISTS (SELECT FROM gatekeeper.unaudited_kill_switch_changes WHERE project = :project)")

ALL_ENVIRONMENTS = "*"
"""The environment of a key, or of a kill switch, for the whole project."""


class KillSwitchRepository:
    """The kill switch in the transaction of `conn`."""

    def __init__(self, conn: AsyncConnection) -> None:
        self._conn = conn

    async def get_state(self, project: str, environment: str) -> KillSwitchState:
        """Return whether the environment is halted; a switch that was never used is not."""
        row = (await self._conn.execute(_SWITCH, {"project": project, "environment": environment})).one_or_none()
        if row is None:
            return KillSwitchState(project, environment, "environment", False, 0, None, None, None)
        scope: Literal["project", "environment"] = "project" if row.environment == ALL_ENVIRONMENTS else "environment"
        return KillSwitchState(project, environment, scope, row.halted, row.revision, row.by, row.reason, row.at)

    async def has_unaudited_changes(self, project: str) -> bool:
        """Return whether there are changes without an entry in the audit chain."""
        return bool((await self._conn.execute(_UNAUDITED, {"project": project})).scalar_one())

    async def ping(self) -> None:
        """Check that the connection works. Raises DBAPIError if it doesn't."""
        await self._conn.execute(text("SELECT 1"))
