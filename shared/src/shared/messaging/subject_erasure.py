"""What a service does when a user is to be erased: tombstone, its own rows, its messages, and the report."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence

from shared.events import derived_id
from shared.events.erasure import ErasureCompleted, ErasureRequested
from shared.messaging.cloudevents import Received
from shared.messaging.erased_subjects import ErasedSubjects
from shared.messaging.message_erasure import MessageErasure
from shared.messaging.store import Subscription, Tx
from shared.runtime.clock import Clock

EraseRows = Callable[[Tx, Received[ErasureRequested]], Awaitable[Mapping[str, int]]]
"""Erases a user from the tables of a service and returns how many rows of each kind; a repeat finds none."""


class SubjectErasure:
    """Handles `erasure.requested` in one service, in one transaction for each event."""

    def __init__(
        self, service: str, subjects: ErasedSubjects, clock: Clock, topics: Collection[str], erase_rows: EraseRows
    ) -> None:
        """`topics`: those of the service's outbox whose messages may name a user; such messages are removed."""
        self._service = service
        self._subjects = subjects
        self._clock = clock
        self._topics = tuple(topics)
        self._erase_rows = erase_rows
        self._messages = MessageErasure(service)

    def subscription(self) -> Subscription:
        """Return the subscription to requests of erasures."""
        return Subscription("erasures", (ErasureRequested,), self.on_requested, 1)

    async def on_requested(self, tx: Tx, events: Sequence[Received[ErasureRequested]]) -> None:
        """Erase users and report it. The tombstone comes first: it waits for those who may store something of them."""
        for received in events:
            event = received.event
            await self._subjects.add(tx.conn, event.project, event.subject, event.erasure_id)
            erased = dict(await self._erase_rows(tx, received))
            await self._erase_messages(tx, event, erased)
            await self._report(tx, received, erased)

    async def _erase_messages(self, tx: Tx, event: ErasureRequested, erased: dict[str, int]) -> None:
        subject = event.subject.encode()

        def rewrite(_: str, payload: bytes) -> bytes | None:
            return None if subject in payload else payload

        rows = await self._messages.outbox_range(tx.conn)
        erased["outbox_messages"] = await self._messages.rewrite_outbox(tx.conn, rows, self._topics, subject, rewrite)
        erased["dead_letters"] = await self._messages.erase_dead_letters(tx.conn, event.project, event.subject)

    async def _report(self, tx: Tx, received: Received[ErasureRequested], erased: Mapping[str, int]) -> None:
        event, now = received.event, self._clock.now()
        report = ErasureCompleted(
            project=event.project, environment=event.environment, erasure_id=event.erasure_id, subject=event.subject,
            service=self._service, erased=dict(erased), completed_at=now,
        )  # fmt: skip
        event_id = derived_id(report.topic, str(event.erasure_id), self._service)
        await tx.emit(received.caused(report, id=event_id, time=now, source=f"ratchet/{self._service}"))
