"""Handlers of Kafka events: submitted items, prompts that Ratchet serves, and the events of the execution log."""

from collections.abc import Sequence
from functools import partial

from collector.domain.ingestion import ingest
from collector.domain.model import IngestItem, Mismatch
from collector.domain.request_context import Route
from collector.domain.schemas import ExecutionBody, FeedbackBody
from collector.domain.submission_checks import check_not_too_old, is_signed
from collector.ingest.service import IngestService
from collector.storage.connections import raw_connection, transient_errors
from collector.storage.execution_log import ExecutionLogRepository
from collector.storage.repository import PostgresRepository
from shared.auth.keys import KeyStore
from shared.declared_fields import declared_names, declared_path
from shared.errors import Permanent
from shared.events.base import subject_keys
from shared.events.feedback import (
    ExecutionRecorded,
    ExecutionSubmitted,
    FeedbackCreated,
    FeedbackSubmitted,
    SubmittedItem,
)
from shared.events.promotion import PromptLive
from shared.messaging.cloudevents import Received
from shared.messaging.erased_subjects import ErasedSubjects
from shared.messaging.store import Subscription, Tx
from shared.problems import Problem

LoggedEvent = ExecutionRecorded | FeedbackCreated

_LOG_BATCH = 200
"""Events of the log in one transaction: few, because requests are answered by the same process meanwhile."""
_ROUTES: dict[type[SubmittedItem], tuple[Route, tuple[str, ...]]] = {
    ExecutionSubmitted: ("executions", ("ingest",)),
    FeedbackSubmitted: ("feedback", ("ingest", "browser-ingest")),
}
"""Event → route, and the scopes of which a key needs one."""


class Handlers:
    """Handlers that run in the transaction that also marks the events as consumed."""

    def __init__(self, service: IngestService, keys: KeyStore, subjects: ErasedSubjects, shards: int) -> None:
        self._service = service
        self._subjects = subjects
        self._keys = keys
        self._shards = shards
        self._names = declared_names(ExecutionBody, FeedbackBody, ExecutionRecorded, ExecutionSubmitted)

    def subscriptions(self) -> tuple[Subscription, ...]:
        """Return the subscriptions of the collector."""
        return (
            Subscription("submitted", (ExecutionSubmitted, FeedbackSubmitted), self.ingest_submitted, from_apps=True),
            Subscription("served", (PromptLive,), self.add_ever_served_digests),
            Subscription("execution-log", (ExecutionRecorded, FeedbackCreated), self.log_events, _LOG_BATCH),
        )

    async def ingest_submitted(self, tx: Tx, events: Sequence[Received[SubmittedItem]]) -> None:
        """Ingest submitted items like posted ones. Raises Permanent where a post would be refused."""
        items = [await self._verify_and_parse(received) for received in events]
        with transient_errors():
            statuses = await ingest(PostgresRepository(await raw_connection(tx), self._shards), items)
        tx.emitted = True
        self._subjects.count_dropped(statuses.count("erased"))
        if "conflict" in statuses:
            raise Permanent("idempotency-conflict")
        if "changed" in statuses:
            raise Permanent("id-conflict")
        if mismatch := next((status for status in statuses if isinstance(status, Mismatch)), None):
            raise Permanent(self._reason("execution-mismatch", [field for field, _ in mismatch.fields]))

    async def _verify_and_parse(self, received: Received[SubmittedItem]) -> IngestItem:
        event = received.event
        try:
            principal = await self._keys.authenticate_proof(event.key_id, partial(is_signed, event))
            route, scopes = _ROUTES[type(event)]
            principal.require(*scopes)
            # The signature identifies a submission without a key, so that replaying it on the topic is a duplicate.
            idempotency_key = event.idempotency_key or event.signature
            context = await self._service.request_context(principal, idempotency_key, received.traceparent)
            check_not_too_old(event.submitted_at, context.origin.received_at)
            return await self._service.parse_item(route, event.body.encode(), context)
        except Problem as problem:
            raise Permanent(self._reason(problem.code, [error["field"] for error in problem.errors])) from None

    def _reason(self, code: str, fields: Sequence[str]) -> str:
        """Return `code` with the declared names in `fields`, once each: others are chosen by the sender."""
        names = dict.fromkeys(declared_path(field, self._names) for field in fields)
        return f"{code}: {', '.join(names)}" if names else code

    async def add_ever_served_digests(self, tx: Tx, events: Sequence[Received[PromptLive]]) -> None:
        """Add the digests that Ratchet serves: they are never reported as observed, also later."""
        prompts = [received.event for received in events]
        with transient_errors():
            repository = PostgresRepository(await raw_connection(tx), self._shards)
            await repository.add_ever_served_digests(
                [(live.project, live.environment, live.name, digest) for live in prompts for digest in _digests(live)]
            )

    async def log_events(self, tx: Tx, events: Sequence[Received[LoggedEvent]]) -> None:
        """Add executions and feedback to the execution log, but nothing about erased users."""
        with transient_errors():
            logged = await self._subjects.drop_erased(tx.conn, [it.event for it in events], subject_keys)
            log = ExecutionLogRepository(await raw_connection(tx))
            if executions := [event for event in logged if isinstance(event, ExecutionRecorded)]:
                await log.add_executions(executions)
            await log.add_feedback(event for event in logged if isinstance(event, FeedbackCreated))


def _digests(live: PromptLive) -> tuple[str, ...]:
    """Return the digests that a live version serves: two during a rollout."""
    return (live.digest,) if live.rollout is None else (live.digest, live.rollout.digest)
