"""Requests of erasures, and the reports of the services."""

from collections.abc import Callable, Sequence
from uuid import UUID

from collector.domain.erasure_status import Erasure, ErasureStatus, ServiceReport
from collector.domain.outbox_messages import SOURCE
from collector.storage.erasure_repository import ErasureRepository
from shared.auth.principal import Principal
from shared.events import Envelope, derived_id, new_id
from shared.events.erasure import ErasureCompleted, ErasureRequested
from shared.messaging.cloudevents import Received
from shared.messaging.erased_subjects import ErasedSubjects
from shared.messaging.sql_store import SqlStore
from shared.messaging.store import Subscription, Tx
from shared.runtime.clock import Clock
from shared.web.correlation import correlation_id


class ErasureService:
    """Begins erasures. `on_request` is called after each commit of one; it wakes the collector's own job."""

    def __init__(self, store: SqlStore, subjects: ErasedSubjects, clock: Clock, on_request: Callable[[], None]) -> None:
        self._store = store
        self._subjects = subjects
        self._clock = clock
        self._on_request = on_request

    def subscriptions(self) -> tuple[Subscription, ...]:
        """Return the subscription to the services' reports."""
        return (Subscription("erasure-reports", (ErasureCompleted,), self.on_completed, 50),)

    async def request(self, principal: Principal, subject: str) -> ErasureStatus:
        """Store a tombstone and an erasure of `subject`, and tell the services. One that is under way is returned.

        Raises Retryable while the tombstone waits too long for other transactions.
        """
        now = self._clock.now()
        erasure = Erasure(new_id(now), principal.project, principal.environment, subject, principal.subject, now)
        async with self._store.begin() as tx:
            await self._subjects.add(tx.conn, erasure.project, subject, erasure.id)
            repository = ErasureRepository(tx.conn)
            known = await repository.find_incomplete(erasure.project, subject)
            if known is None:
                await repository.save(erasure, principal.key_id)
                await tx.emit(self._requested(erasure, principal.key_id))
            status = await repository.get_status(principal.project, (known or erasure).id)
        assert status is not None
        self._on_request()
        return status

    async def get(self, project: str, erasure_id: UUID) -> ErasureStatus | None:
        """Return an erasure of a project; None if there is none."""
        async with self._store.engine.connect() as conn:
            return await ErasureRepository(conn).get_status(project, erasure_id)

    async def on_completed(self, tx: Tx, events: Sequence[Received[ErasureCompleted]]) -> None:
        """Save the reports of services. The collector's own is saved already."""
        repository = ErasureRepository(tx.conn)
        for received in events:
            event = received.event
            report = ServiceReport(event.service, event.erased, event.completed_at)
            await repository.save_report(event.erasure_id, report)

    def _requested(self, erasure: Erasure, key_id: str) -> Envelope[ErasureRequested]:
        event = ErasureRequested(
            project=erasure.project, environment=erasure.environment, erasure_id=erasure.id, subject=erasure.subject,
            by=erasure.requested_by, key_id=key_id, requested_at=erasure.requested_at,
        )  # fmt: skip
        event_id = derived_id(event.topic, str(erasure.id))
        return Envelope(event_id, erasure.requested_at, SOURCE, event, correlation_id())
