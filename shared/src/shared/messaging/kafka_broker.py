"""FastStream's broker and its subscribers, with the timeouts of an embedded and of a real Kafka."""

import asyncio
import contextlib
import logging
from dataclasses import dataclass
from typing import Any

from faststream import AckPolicy
from faststream.kafka import KafkaBroker

from shared.messaging.consumer import SubscriptionConsumer
from shared.messaging.security import faststream_security
from shared.messaging.store import Broadcast, Subscription
from shared.runtime.settings import ProcessSettings

_MAX_POLL_MS = 15 * 60 * 1000
_FETCH_WAIT_MS = 500
"""Kafka answers a fetch as soon as there is a message; an idle consumer asks again after this time."""
_EMBEDDED_WAIT_MS = 20
"""The embedded broker answers an idle fetch only after this time, even if a message arrives meanwhile."""
_NOTIFIED_WAIT_MS = 5
"""With notified arrivals, a consumer fetches only if there are messages, or once before it pauses."""
_ENDLESS_MS = 2**31 - 1
"""After a fetch without messages, FastStream sleeps for this time again: so let the fetch wait without limit."""
_BROADCAST_BATCH = 500


@dataclass(frozen=True, slots=True)
class SessionTimes:
    """When a group drops a consumer that sends no heartbeat, and how often one is sent; in milliseconds."""

    timeout_ms: int
    heartbeat_ms: int


KAFKA_SESSION = SessionTimes(timeout_ms=10_000, heartbeat_ms=1_000)
EMBEDDED_SESSION = SessionTimes(timeout_ms=30_000, heartbeat_ms=10_000)
"""The embedded broker is in the same process. A member that a group has dropped may join again after `timeout_ms`."""


def new_broker(settings: ProcessSettings) -> KafkaBroker:
    """Return a broker without subscribers, which connects when it starts."""
    return KafkaBroker(
        settings.kafka_bootstrap.split(","),
        client_id=f"ratchet-{settings.service}-{settings.instance}",
        consumer_only=True,
        allow_auto_create_topics=False,
        security=faststream_security(settings),
        metadata_max_age_ms=300_000 if settings.embedded_bus else 30_000,
        # While a broker is unavailable, several loops of each consumer retry: 100 ms would be a storm of requests.
        retry_backoff_ms=100 if settings.embedded_bus else 500,
        graceful_timeout=5.0,
        apply_types=False,
        logger=logging.getLogger("faststream"),
    )


def attach_consumer(
    broker: KafkaBroker,
    consumer: SubscriptionConsumer,
    subscription: Subscription | Broadcast,
    settings: ProcessSettings,
    notified: bool,
    session: SessionTimes | None = None,
) -> None:
    """Let `consumer` read the topics of `subscription`; `notified`: arrivals of messages are announced to it."""
    embedded = settings.embedded_bus
    session = session or (EMBEDDED_SESSION if embedded else KAFKA_SESSION)
    static = consumer.grouped and not embedded
    consumer.subscriber = broker.subscriber(
        *[event.topic for event in subscription.events],
        batch=True,
        group_id=consumer.group if consumer.grouped else None,
        group_instance_id=f"{consumer.group}.{settings.instance}" if static else None,
        auto_offset_reset="earliest" if consumer.grouped else "latest",
        ack_policy=AckPolicy.MANUAL,
        max_records=subscription.max_batch if isinstance(subscription, Subscription) else _BROADCAST_BATCH,
        fetch_max_wait_ms=_fetch_wait_ms(embedded, notified),
        session_timeout_ms=session.timeout_ms,
        heartbeat_interval_ms=session.heartbeat_ms,
        max_poll_interval_ms=_MAX_POLL_MS,
        batch_timeout_ms=_ENDLESS_MS,
        consumer_timeout_ms=10_000 if notified else 200,  # between looks at what to fetch
        parser=consumer.parse,
        decoder=consumer.decode,
        no_reply=True,
        title=f"{consumer.group}",
        description=subscription.events[0].__doc__,
    )
    consumer.subscriber(consumer.consume)


async def disconnect(consumer: Any) -> None:
    """End the tasks and connections of an `AIOKafkaConsumer` whose `stop` was cancelled; None: it has ended already."""
    if consumer is None:
        return
    coordinator, fetcher = consumer._coordinator, consumer._fetcher
    closes = [
        getattr(coordinator, "_stop_heartbeat_task", None),
        getattr(coordinator, "_stop_commit_offsets_refresh_task", None),
        getattr(fetcher, "close", None),
        consumer._client.close,
    ]
    for close in closes:
        if close is not None:
            with contextlib.suppress(Exception):
                await asyncio.wait_for(close(), 1.0)


def _fetch_wait_ms(embedded: bool, notified: bool) -> int:
    if notified:
        return _NOTIFIED_WAIT_MS
    return _EMBEDDED_WAIT_MS if embedded else _FETCH_WAIT_MS
