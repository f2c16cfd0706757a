"""Unit of work: one transaction with its outbox and the signed end of the audit chain."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from gatekeeper.domain.signer import Signer
from gatekeeper.storage.audit import AuditRepository
from gatekeeper.storage.boundary_functions import boundary_error_in
from shared.events import Envelope
from shared.events.base import Event
from shared.messaging.sql_store import SqlStore
from shared.messaging.store import Tx
from shared.runtime.clock import Clock
from shared.web.correlation import correlation_id


@dataclass(frozen=True, slots=True)
class UnitOfWork:
    """The changes of one request or one event. Events and signatures commit with the transaction, or not at all."""

    tx: Tx
    signer: Signer
    now: datetime
    correlation_id: str
    causation_id: str | None = None
    traceparent: str | None = None

    @property
    def conn(self) -> AsyncConnection:
        """The connection of the transaction."""
        return self.tx.conn

    async def emit(self, event: Event, event_id: UUID) -> None:
        """Add `event` to the outbox."""
        envelope = Envelope(
            event_id, self.now, "ratchet/gatekeeper", event, self.correlation_id, self.causation_id, self.traceparent
        )
        await self.tx.emit(envelope)

    async def sign_audit_head(self, project: str) -> None:
        """Sign the last entry of the project's audit chain. Call it after the last change."""
        repository = AuditRepository(self.conn)
        head = await repository.get_head(project)
        if head is not None:
            signature = self.signer.sign_head(project, *head)
            await repository.save_anchor(project, head, signature.key_id, signature.value)


@dataclass(frozen=True, slots=True)
class UnitOfWorkFactory:
    """Begins units of work on one database."""

    store: SqlStore
    clock: Clock
    signer: Signer

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[UnitOfWork]:
        """Begin a unit of work that commits at the end of the block. Its events carry the request's correlation id.

        Raises BoundaryError also for what the database refuses at the commit.
        """
        try:
            async with self.store.begin() as tx:
                yield UnitOfWork(tx, self.signer, self.clock.now(), correlation_id())
        except DBAPIError as error:
            if (refusal := boundary_error_in(error)) is not None:
                raise refusal from None
            raise
