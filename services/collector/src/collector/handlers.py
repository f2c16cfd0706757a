"""What the collector takes from Kafka: raw feedback of apps, and the prompts that Ratchet serves."""

from collections.abc import Sequence
from functools import partial

from collector.domain.ingestion import ingest
from collector.domain.model import IngestItem
from collector.domain.submission import check_age, is_signed
from collector.ingest.service import IngestService
from collector.storage.connections import raw_connection, transient_errors
from collector.storage.repository import PostgresRepository
from shared.auth.keys import KeyStore
from shared.errors import Permanent
from shared.events.feedback import FeedbackSubmitted
from shared.events.promotion import PromptLive
from shared.messaging.cloudevents import Received
from shared.messaging.store import Subscription, Tx
from shared.problems import Problem


class Handlers:
    """Runs inside the transaction that also marks the events as taken."""

    def __init__(self, desk: IngestService, keys: KeyStore, shards: int) -> None:
        self._desk = desk
        self._keys = keys
        self._shards = shards

    def subscriptions(self) -> tuple[Subscription, ...]:
        return (
            Subscription("submitted", (FeedbackSubmitted,), self.take_submitted),
            Subscription("served", (PromptLive,), self.take_live),
        )

    async def take_submitted(self, tx: Tx, events: Sequence[Received[FeedbackSubmitted]]) -> None:
        """Keeps raw feedback as if it had been posted. Raises `Permanent` where a post would be refused."""
        items = [await self._read(received) for received in events]
        with transient_errors():
            statuses = await ingest(PostgresRepository(await raw_connection(tx), self._shards), items)
        tx.emitted = True
        if "conflict" in statuses:
            raise Permanent("idempotency-conflict")
        if "changed" in statuses:
            raise Permanent("id-conflict")

    async def _read(self, received: Received[FeedbackSubmitted]) -> IngestItem:
        event = received.event
        try:
            principal = await self._keys.authenticate_proof(event.key_id, partial(is_signed, event))
            # Nobody who can read the topic can make one submission count twice: without a key of its own its signature
            # names it.
            once = event.idempotency_key or event.signature
            sender = await self._desk.sender(principal.require("ingest", "browser-ingest"), once, received.traceparent)
            check_age(event.submitted_at, sender.origin.received_at)
            return await self._desk.read_feedback(event.body.encode(), sender)
        except Problem as problem:
            fields = ", ".join(error["field"] for error in problem.errors)
            raise Permanent(f"{problem.code}: {fields}" if fields else problem.code) from None

    async def take_live(self, tx: Tx, events: Sequence[Received[PromptLive]]) -> None:
        """Remembers which digests are ours: they are not observed."""
        prompts = [received.event for received in events]
        with transient_errors():
            books = PostgresRepository(await raw_connection(tx), self._shards)
            await books.serve([(live.project, live.environment, live.name, live.digest) for live in prompts])
