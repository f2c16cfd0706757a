"""Actions of operators on one service; each is reported to the gatekeeper's audit in the same transaction."""

from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from shared.auth.principal import Principal
from shared.events import Envelope, Event, new_id
from shared.events.operations import DeadLetterSettled, OperationPerformed, Settled
from shared.messaging.dead_letters import DeadLetter, detail_of
from shared.messaging.delivery import Delivery
from shared.messaging.republish import RepublishScope, requeue
from shared.messaging.sql_dead_letters import DeadLetterRepository
from shared.messaging.sql_store import SqlStore
from shared.problems import Problem
from shared.runtime.clock import Clock
from shared.web.correlation import correlation_id


class Republish(BaseModel):
    """Body of a republish request: see `shared.messaging.republish.RepublishScope`."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"since": "2026-11-21T12:00:00Z", "topic": "prompt.live"}]}
    )

    since: AwareDatetime | None = None
    topic: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,100}$")] | None = None
    lacking: bool = False


class OperatorActions:
    """Republishes events, resumes consumers, replays and discards dead letters of the service that owns `store`."""

    def __init__(self, store: SqlStore, deliveries: Mapping[str, Delivery], clock: Clock) -> None:
        self._service = store.schema
        self._store = store
        self._letters = DeadLetterRepository(store.engine, store.schema)
        self._deliveries = deliveries
        self._clock = clock

    async def republish(self, body: Republish, principal: Principal) -> int:
        """Send events of the principal's project again; return how many."""
        scope = RepublishScope(body.since, body.topic, body.lacking, principal.project)
        async with self._store.begin() as tx:
            count = await requeue(tx.conn, self._service, scope)
            facts = {"events": count, "republished_topic": body.topic, "since": body.since, "lacking": body.lacking}
            event = OperationPerformed(operation="events_republished", **self._actor(principal), **facts)
            await tx.emit(self._envelope(event))
        return count

    async def resume_consumer(self, consumer: str, actor: Principal) -> None:
        """Resume a paused consumer, which serves all projects; `actor` is recorded, not checked.

        Raises Problem 404 for an unknown consumer, 409 if it is not paused.
        """
        delivery = self._deliveries.get(consumer)
        if delivery is None:
            raise Problem(404, "consumer-unknown", "This service has no such consumer")
        event = OperationPerformed(operation="consumer_resumed", consumer=consumer, **self._actor(actor))
        if not await delivery.resume(self._envelope(event)):
            raise Problem(409, "not-paused", "The consumer is not paused")

    async def replay(self, letter_id: UUID, principal: Principal) -> None:
        """Process a parked message again.

        Raises Problem 404 if no letter that the principal may see is parked under this id, 409 if it fails again.
        """
        letter, delivery = await self._parked(letter_id, principal)
        try:
            await delivery.replay(letter, self._report(letter, "replayed", principal))
        except Exception as error:
            raise Problem(409, "replay-failed", "It failed again and stays parked", detail_of(error)) from error

    async def discard(self, letter_id: UUID, principal: Principal) -> None:
        """Discard a parked message for good. Raises Problem 404 as `replay` does."""
        letter, delivery = await self._parked(letter_id, principal)
        await delivery.discard(letter, self._report(letter, "discarded", principal))

    async def _parked(self, letter_id: UUID, principal: Principal) -> tuple[DeadLetter, Delivery]:
        letter = await self._letters.get_parked(viewer(principal), letter_id)
        if letter is None:
            raise Problem(404, "dead-letter-unknown", "No parked dead letter has this id")
        delivery = self._deliveries.get(letter.consumer)
        if delivery is None:
            raise Problem(409, "consumer-unknown", "This version has no such consumer", letter.consumer)
        return letter, delivery

    def _report(self, letter: DeadLetter, outcome: Settled, principal: Principal) -> Envelope[Event]:
        event = DeadLetterSettled(
            letter_id=letter.id,
            consumer=letter.consumer,
            letter_topic=letter.topic,
            outcome=outcome,
            **self._actor(principal),
        )
        return self._envelope(event)

    def _actor(self, principal: Principal) -> dict[str, Any]:
        """Return the fields that say who acts, and on which service."""
        return {
            "project": principal.project,
            "environment": principal.environment,
            "service": self._service,
            "by": principal.subject,
            "key_id": principal.key_id,
        }

    def _envelope(self, event: Event) -> Envelope[Event]:
        now = self._clock.now()
        return Envelope(new_id(now), now, f"ratchet/{self._service}", event, correlation_id())


def viewer(principal: Principal) -> dict[str, object]:
    """Return the parameters of `shared.messaging.sql_dead_letters.VISIBLE_LETTERS`."""
    return {
        "project": principal.project,
        "environment": principal.environment,
        "admin": "admin" in principal.scopes,
    }
