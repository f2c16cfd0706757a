"""The execution log of a collector without Kafka: what is in its outbox is delivered to its own subscription."""

from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from collector.handlers import Handlers
from shared.events import CATALOG, Envelope
from shared.events.base import Event
from shared.messaging.dead_letter_writer import DeadLetterBudget
from shared.messaging.delivery import Delivery
from shared.runtime.prometheus_metrics import Metrics
from tests.support.databases import psql
from tests.support.messaging import NOW, record

if TYPE_CHECKING:
    from tests.integration.collector.conftest import Running

CONSUMER = "collector.execution-log"
_TOPICS = ("execution.recorded", "feedback.created")


def sent(collector: "Running") -> list[Envelope[Event]]:
    """Return the events of the log's topics in the collector's outbox, oldest first."""
    topics = ", ".join(f"'{topic}'" for topic in _TOPICS)
    rows = psql(
        collector.dsn,
        f"""SELECT topic, event_id, encode(payload, 'hex') FROM collector.outbox_messages
            WHERE topic IN ({topics}) ORDER BY id, n""",
    )
    return [_envelope(*row.split("|")) for row in rows.splitlines()]


def _envelope(topic: str, event_id: str, payload: str) -> Envelope[Event]:
    event = CATALOG[f"ratchet.{topic}.v1"].model_validate_json(bytes.fromhex(payload))
    return Envelope(UUID(event_id), NOW, "ratchet/collector", event, event_id)


def delivery(collector: "Running") -> Delivery:
    """Return the production delivery of the log's subscription."""
    platform = collector.parts.platform
    handlers = Handlers(collector.parts.service, platform.keys, collector.parts.subjects, 4)
    (subscription,) = (each for each in handlers.subscriptions() if f"collector.{each.name}" == CONSUMER)
    return Delivery(CONSUMER, subscription, platform.store, collector.clock, Metrics("collector"), DeadLetterBudget(60))


async def deliver(collector: "Running", events: Sequence[Envelope[Event]] | None = None) -> None:
    """Deliver events, by default all in the outbox, in one poll. Repeated ones are known to the inbox."""
    events = sent(collector) if events is None else events
    await delivery(collector).process([record(each, offset) for offset, each in enumerate(events)])
