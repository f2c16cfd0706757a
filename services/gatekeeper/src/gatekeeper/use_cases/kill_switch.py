"""The kill switch on reserved connections, so that busy routes can't delay it."""

import asyncio
import logging
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine

from gatekeeper.domain.model import KillSwitchChange, KillSwitchState
from gatekeeper.storage.boundary_functions import call_for_rows, call_function
from gatekeeper.storage.kill_switch import KillSwitchRepository
from gatekeeper.use_cases.unit_of_work import UnitOfWorkFactory
from shared.auth.keys import KeyStore
from shared.auth.principal import Principal
from shared.events import derived_id
from shared.events.promotion import LoopHalted, LoopResumed
from shared.messaging.sql_store import SqlStore
from shared.runtime.background import run_every
from shared.runtime.database import engine
from shared.runtime.failure_classification import FailureClass, classify

_CONNECTIONS = 2
_LIMIT_S = 2.0
_PING_S = 15.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class KillSwitch:
    """Halts and resumes promotions.

    `units` are the transactions of the other routes, `reserved` those on the reserved connections of `engine`.
    """

    units: UnitOfWorkFactory
    reserved: UnitOfWorkFactory
    keys: KeyStore
    engine: AsyncEngine

    @classmethod
    def create(cls, units: UnitOfWorkFactory, reserved: AsyncEngine) -> "KillSwitch":
        """Create the switch. `reserved`: an engine of `reserved_engine`."""
        shared = units.store
        store = SqlStore(reserved, shared.schema, shared.shards, on_emit=shared.notify_relay)
        return cls(units, replace(units, store=store), KeyStore(reserved, shared.schema), reserved)

    async def authenticate(self, authorization: str | None) -> Principal:
        """Return the principal of an `Authorization` header. Raises Problem 401, or TimeoutError after 2 s."""
        async with asyncio.timeout(_LIMIT_S):
            return await self.keys.authenticate(authorization)

    async def change(
        self,
        key: str,
        principal: Principal,
        function: str,
        event_type: type[LoopHalted | LoopResumed],
        reason: str,
    ) -> tuple[KillSwitchState, bool]:
        """Call `halt` or `resume`. Return the committed state, and whether it has changed.

        `key`: the API key of `principal`, which the database verifies.

        Raises BoundaryError, and DBAPIError or TimeoutError if the switch can't be changed within 2 s.
        """
        async with asyncio.timeout(_LIMIT_S), self.reserved.begin() as unit:
            [change] = await call_for_rows(unit.conn, KillSwitchChange, function, key, reason)
            if change.changed:
                scope = {"project": change.project, "environment": change.environment}
                event = event_type(**scope, revision=change.revision, by=change.by, reason=reason)
                await unit.emit(event, derived_id("loop", change.project, str(change.revision)))
            state = await KillSwitchRepository(unit.conn).get_state(principal.project, principal.environment)
        return state, change.changed

    async def audit(self, project: str) -> None:
        """Append the changes that the audit chain does not have yet."""
        async with self.units.begin() as unit:
            if await KillSwitchRepository(unit.conn).has_unaudited_changes(project):
                await call_function(unit.conn, "audit_kill_switch", project)
                await unit.sign_audit_head(project)

    async def try_audit(self, project: str) -> None:
        """Call `audit`; if the database is unavailable, the next entry of the chain appends the changes first."""
        try:
            await self.audit(project)
        except Exception as error:
            if classify(error) is not FailureClass.RETRYABLE:
                raise
            log.warning("kill switch change not audited yet", extra={"error": type(error).__name__})

    async def keep_connected(self) -> None:
        """Open the reserved connections, and check them every 15 s. Runs until cancelled."""
        await self._ping_all()
        await run_every(_PING_S, self._ping_all)

    async def _ping_all(self) -> None:
        await asyncio.gather(*(self._ping() for _ in range(_CONNECTIONS)), return_exceptions=True)

    async def _ping(self) -> None:
        async with self.engine.connect() as conn:
            await KillSwitchRepository(conn).ping()


def reserved_engine(settings: Any) -> AsyncEngine:
    """Create an engine with two connections for the kill switch. `settings`: those of the service."""
    return engine(settings.model_copy(update={"database_pool": _CONNECTIONS}))
