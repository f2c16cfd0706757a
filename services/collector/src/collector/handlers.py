"""What the collector takes from Kafka: raw feedback of apps, and the prompts that Ratchet serves."""

import json
from collections.abc import Sequence

from collector.desk import Desk
from collector.lines import borrowed, transient_errors
from collector.model import Item
from collector.recording import record
from collector.store import PgBooks
from shared.events.feedback import FeedbackSubmitted
from shared.events.promotion import PromptLive
from shared.messaging.cloudevents import Received
from shared.messaging.errors import Permanent
from shared.messaging.store import Subscription, Tx
from shared.web.keys import KeyStore
from shared.web.problems import Problem


class Handlers:
    """Runs inside the transaction that also marks the events as taken."""

    def __init__(self, desk: Desk, keys: KeyStore, shards: int) -> None:
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
            statuses = await record(PgBooks(await borrowed(tx), self._shards), items)
        tx.emitted = True
        if "conflict" in statuses:
            raise Permanent("idempotency-conflict")
        if "changed" in statuses:
            raise Permanent("id-conflict")

    async def _read(self, received: Received[FeedbackSubmitted]) -> Item:
        event = received.event
        try:
            principal = await self._keys.authenticate(f"Bearer {event.api_key}")
            sender = await self._desk.sender(
                principal.require("ingest", "browser-ingest"), event.idempotency_key, received.traceparent
            )
            # Written again as it came, so that it is read as strictly as a request's body.
            return await self._desk.read_feedback(json.dumps(event.body).encode(), sender)
        except Problem as problem:
            fields = ", ".join(error["field"] for error in problem.errors)
            raise Permanent(f"{problem.code}: {fields}" if fields else problem.code) from None

    async def take_live(self, tx: Tx, events: Sequence[Received[PromptLive]]) -> None:
        """Remembers which digests are ours: they are not observed."""
        prompts = [received.event for received in events]
        with transient_errors():
            books = PgBooks(await borrowed(tx), self._shards)
            await books.serve([(live.project, live.environment, live.name, live.digest) for live in prompts])
