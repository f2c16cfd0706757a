"""The kill switch on connections of its own: nothing that keeps the other routes waiting keeps it waiting."""

import asyncio
import logging
from dataclasses import dataclass, replace
from typing import Any

from fastapi import Request
from sqlalchemy.ext.asyncio import AsyncEngine

from gatekeeper.boundary import call_function
from gatekeeper.kill_switch import repository as store
from gatekeeper.unit_of_work import UnitOfWorkFactory, raw_key
from shared.auth.keys import KeyStore
from shared.auth.principal import Principal
from shared.events import derived_id
from shared.events.promotion import LoopHalted, LoopResumed
from shared.messaging.sql_store import SqlStore
from shared.runtime.database import engine
from shared.runtime.failures import FailureClass, classify
from shared.web.authentication import authorization

_CONNECTIONS = 2
_LIMIT_S = 2.0
_PING_S = 15.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class KillSwitch:
    """Halts and resumes. `desk` is the other routes' unit of work, `reserved` the same on reserved connections."""

    desk: UnitOfWorkFactory
    reserved: UnitOfWorkFactory
    keys: KeyStore
    engine: AsyncEngine

    @classmethod
    def of(cls, desk: UnitOfWorkFactory, db: AsyncEngine) -> "KillSwitch":
        """`db` is what `reserved_engine` returns."""
        ordinary = desk.store
        own = SqlStore(db, ordinary.schema, ordinary.shards, on_emit=lambda: ordinary.on_emit())
        return cls(desk, replace(desk, store=own), KeyStore(db, ordinary.schema), db)

    async def principal(self, request: Request) -> Principal:
        """Whose key it is, looked up on a reserved connection. Raises Problem 401, or TimeoutError after 2 s."""
        async with asyncio.timeout(_LIMIT_S):
            return await self.keys.authenticate(authorization(request))

    async def change(
        self, request: Request, principal: Principal, function: str, event: type[LoopHalted | LoopResumed], reason: str
    ) -> tuple[dict[str, Any], bool]:
        """The state after the change, and whether it is one. It is committed when this returns.

        Raises `Refused`, and DBAPIError or TimeoutError where the switch can't be changed within 2 s.
        """
        where = (principal.project, principal.environment)
        async with asyncio.timeout(_LIMIT_S), self.reserved.change(request) as change:
            [row] = await call_function(change.tx.conn, function, raw_key(request), reason)
            if row["changed"]:
                fact = {"project": row["project"], "environment": row["environment"], "revision": row["revision"]}
                said = event(**fact, by=row["by"], reason=reason)
                await change.emit(said, derived_id("loop", row["project"], str(row["revision"])))
            return await store.get_kill_switch(change.tx.conn, *where), row["changed"]

    async def audit(self, project: str) -> None:
        """Write the changes that the audit chain does not hold yet."""
        async with self.desk.begin() as change:
            if await store.list_unaudited(change.tx.conn, project):
                await call_function(change.tx.conn, "audit_loop", project)
                await change.seal(project)

    async def try_audit(self, project: str) -> None:
        """As `audit`; where the database can't be asked now, the chain's next entry brings them along."""
        try:
            await self.audit(project)
        except Exception as error:
            if classify(error) is not FailureClass.RETRYABLE:
                raise
            log.warning("the audit of a change of the kill switch waits", extra={"error": type(error).__name__})

    async def keep_connected(self) -> None:
        """Open the reserved connections, and see every 15 s that they are alive. Runs until cancelled."""
        while True:
            await asyncio.gather(*(self._ping() for _ in range(_CONNECTIONS)), return_exceptions=True)
            await asyncio.sleep(_PING_S)

    async def _ping(self) -> None:
        async with self.engine.connect() as conn:
            await conn.exec_driver_sql("SELECT 1")


def reserved_engine(settings: Any) -> AsyncEngine:
    """Two connections for the kill switch alone. `settings` are a service's."""
    return engine(settings.model_copy(update={"database_pool": _CONNECTIONS}))
