"""Record acts of people in other services in the audit chain."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from gatekeeper.boundary import call_function
from gatekeeper.errors import BoundaryError
from gatekeeper.keys.signer import Signer
from gatekeeper.transaction import UnitOfWork
from shared.errors import Permanent
from shared.events.metrics import DeclaredMetric, MetricDeclared
from shared.events.operations import DeadLetterSettled, OperationPerformed
from shared.messaging.cloudevents import Received
from shared.messaging.store import Handler, Tx
from shared.runtime.clock import Clock


def on_settled(signer: Signer, clock: Clock) -> Handler:
    """`dead_letter.settled`: record who replayed or discarded which letter, once an event."""
    return _recorder(signer, clock, _record_settlement)


def on_operation(signer: Signer, clock: Clock) -> Handler:
    """`operation.performed`: record who sent events again or resumed a consumer, once an event."""
    return _recorder(signer, clock, _record_operation)


def on_declared(signer: Signer, clock: Clock) -> Handler:
    """`metric.declared`: record who declared which metric, once an event."""
    return _recorder(signer, clock, _record_declaration)


def _recorder(signer: Signer, clock: Clock, record: Callable[[UnitOfWork, Received[Any]], Awaitable[None]]) -> Handler:
    async def handle(tx: Tx, events: Sequence[Received[Any]]) -> None:
        for received in events:
            change = UnitOfWork(tx, signer, clock.now(), received.correlation_id, str(received.id))
            try:
                await record(change, received)
            except BoundaryError as error:
                raise Permanent(error.code) from None
            await change.seal(received.event.project)

    return handle


async def _record_settlement(change: UnitOfWork, received: Received[DeadLetterSettled]) -> None:
    event = received.event
    await call_function(
        change.tx.conn,
        "note_settlement",
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


async def _record_operation(change: UnitOfWork, received: Received[OperationPerformed]) -> None:
    event = received.event
    republished = event.operation == "events_republished"
    await call_function(
        change.tx.conn,
        "note_operation",
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


async def _record_declaration(change: UnitOfWork, received: Received[MetricDeclared]) -> None:
    event = received.event
    declared = event.declared
    low, high = declared.scale or (None, None)
    await call_function(
        change.tx.conn,
        "note_declaration",
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
