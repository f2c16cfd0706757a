"""Handlers that record operator actions of other services in the audit chain."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from gatekeeper.domain.errors import BoundaryError
from gatekeeper.domain.signer import Signer
from gatekeeper.storage.boundary_functions import call_function
from gatekeeper.use_cases.unit_of_work import UnitOfWork
from shared.errors import Permanent
from shared.events.metrics import DeclaredMetric, MetricDeclared
from shared.events.operations import DeadLetterSettled, OperationPerformed
from shared.messaging.cloudevents import Received
from shared.messaging.store import Subscription, Tx
from shared.runtime.clock import Clock

_MAX_BATCH = 50
"""Events per transaction. Each locks its project, so a batch must be short."""


@dataclass(frozen=True, slots=True)
class AuditHandlers:
    """Append one audit entry per event."""

    signer: Signer
    clock: Clock

    def subscriptions(self) -> tuple[Subscription, ...]:
        """Return the subscriptions of these handlers."""
        return (
            Subscription("settlements", (DeadLetterSettled,), self.on_settled, _MAX_BATCH),
            Subscription("operations", (OperationPerformed,), self.on_operation, _MAX_BATCH),
            Subscription("declarations", (MetricDeclared,), self.on_declared, _MAX_BATCH),
        )

    async def on_settled(self, tx: Tx, events: Sequence[Received[DeadLetterSettled]]) -> None:
        """Record who replayed or discarded a dead letter."""
        await self._record(tx, events, _record_settlement)

    async def on_operation(self, tx: Tx, events: Sequence[Received[OperationPerformed]]) -> None:
        """Record who republished events or resumed a consumer."""
        await self._record(tx, events, _record_operation)

    async def on_declared(self, tx: Tx, events: Sequence[Received[MetricDeclared]]) -> None:
        """Record who declared or withdrew a metric."""
        await self._record(tx, events, _record_declaration)

    async def _record(
        self, tx: Tx, events: Sequence[Received[Any]], record: Callable[[UnitOfWork, Received[Any]], Awaitable[None]]
    ) -> None:
        for received in events:
            unit = UnitOfWork(tx, self.signer, self.clock.now(), received.correlation_id, str(received.id))
            try:
                await record(unit, received)
            except BoundaryError as error:
                raise Permanent(error.code) from None
            await unit.sign_audit_head(received.event.project)


async def _record_settlement(unit: UnitOfWork, received: Received[DeadLetterSettled]) -> None:
    event = received.event
    await call_function(
        unit.conn,
        "record_settlement",
        received.id,
        event.project,
        event.letter_id,
        event.service,
        event.consumer,
        event.letter_topic,
        event.outcome,
        event.by,
        event.key_id,
    )


async def _record_operation(unit: UnitOfWork, received: Received[OperationPerformed]) -> None:
    event = received.event
    republished = event.operation == "events_republished"
    await call_function(
        unit.conn,
        "record_operation",
        received.id,
        event.project,
        event.environment,
        event.operation,
        event.service,
        event.consumer,
        event.events,
        event.republished_topic,
        event.since,
        event.lacking if republished else None,
        event.by,
        event.key_id,
    )


async def _record_declaration(unit: UnitOfWork, received: Received[MetricDeclared]) -> None:
    event = received.event
    declared = event.declared
    low, high = declared.scale or (None, None)
    await call_function(
        unit.conn,
        "record_declaration",
        received.id,
        event.project,
        event.environment,
        event.target,
        event.metric,
        event.revision,
        event.digest,
        declared.direction,
        low,
        high,
        None if declared.labels is None else len(declared.labels),
        declared == DeclaredMetric(),
        event.by,
        event.key_id,
    )
