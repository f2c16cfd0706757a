"""Deeds in other services that belong into the chain."""

from collections.abc import Sequence

from gatekeeper.change import Change
from gatekeeper.doors import call
from gatekeeper.keys.signer import Signer
from gatekeeper.refusals import Refused
from shared.events.operations import DeadLetterSettled
from shared.messaging.cloudevents import Received
from shared.messaging.errors import Permanent
from shared.messaging.store import Handler, Tx
from shared.runtime.clock import Clock


def on_settled(signer: Signer, clock: Clock) -> Handler:
    """`dead_letter.settled`: writes down who replayed or discarded which letter, once an event."""

    async def handle(tx: Tx, events: Sequence[Received[DeadLetterSettled]]) -> None:
        for received in events:
            change = Change(tx, signer, clock.now(), received.correlation_id, str(received.id))
            try:
                await _note(change, received)
            except Refused as error:
                raise Permanent(error.code) from None
            await change.seal(received.event.project)

    return handle


async def _note(change: Change, received: Received[DeadLetterSettled]) -> None:
    event = received.event
    await call(
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
