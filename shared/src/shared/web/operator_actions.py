"""Operators' acts that concern a whole service; each is reported to the gatekeeper's audit in the same transaction."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from shared.auth.principal import Principal
from shared.events import Envelope, Event, new_id
from shared.events.operations import OperationPerformed
from shared.messaging.delivery import Delivery
from shared.messaging.republish import RepublishScope, queue_again
from shared.messaging.sql_store import SqlStore
from shared.problems import Problem
from shared.runtime.clock import Clock
from shared.web.correlation import correlation_id


class Republish(BaseModel):
    """Body of a republish request: see `shared.messaging.republish.Scope`."""

    model_config = ConfigDict(extra="forbid")

    since: AwareDatetime | None = None
    topic: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,100}$")] | None = None
    lacking: bool = False


class OperatorActions:
    """Republish and resume, for the service that `store` belongs to."""

    def __init__(self, service: str, store: SqlStore, deliveries: Mapping[str, Delivery], clock: Clock) -> None:
        self._service = service
        self._store = store
        self._deliveries = deliveries
        self._clock = clock

    async def republish(self, body: Republish, principal: Principal) -> int:
        """Send events of the principal's project again; return how many."""
        scope = RepublishScope(body.since, body.topic, body.lacking, principal.project)
        async with self._store.begin() as tx:
            count = await queue_again(tx.conn, self._service, scope)
            event = OperationPerformed(
                project=principal.project,
                environment=principal.environment,
                operation="events_republished",
                service=self._service,
                events=count,
                republished_topic=body.topic,
                since=body.since,
                lacking=body.lacking,
                by=principal.subject,
                key_id=principal.key_id,
            )
            await tx.emit(self._envelope(event))
        return count

    async def resume(self, consumer: str, principal: Principal) -> None:
        """Let a paused consumer go on. Raises Problem 404 if there is none of this name, 409 if it is not paused."""
        delivery = self._deliveries.get(consumer)
        if delivery is None:
            raise Problem(404, "consumer-unknown", "This service has no such consumer")
        event = OperationPerformed(
            project=principal.project,
            environment=principal.environment,
            operation="consumer_resumed",
            service=self._service,
            consumer=consumer,
            by=principal.subject,
            key_id=principal.key_id,
        )
        if not await delivery.resume(self._envelope(event)):
            raise Problem(409, "not-paused", "The consumer is not paused")

    def _envelope(self, event: Event) -> Envelope[Event]:
        now = self._clock.now()
        return Envelope(new_id(now), now, f"ratchet/{self._service}", event, correlation_id())
