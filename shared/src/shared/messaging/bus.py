"""The bus: FastStream on Kafka with manual, named acknowledgement after the transaction, and a watchdog."""

import asyncio
import contextlib
import logging
import math
import time
from collections.abc import Callable, Sequence
from typing import Any

from aiokafka import TopicPartition
from faststream import AckPolicy
from faststream.kafka import KafkaBroker, KafkaMessage

from shared.errors import Permanent
from shared.messaging.cloudevents import Record, decode
from shared.messaging.consumer import ConsumerLag, SubscriptionConsumer
from shared.messaging.dead_letter_budget import DeadLetterBudget
from shared.messaging.delivery import Delivery
from shared.messaging.flow_control import Flow, NoFlow
from shared.messaging.gaps import GapDetector
from shared.messaging.security import faststream_security
from shared.messaging.store import Broadcast, Store, Subscription
from shared.runtime.clock import Clock
from shared.runtime.log import logger
from shared.runtime.metrics import Metrics
from shared.runtime.settings import ProcessSettings

_WATCH_S = 5.0
_STALLED_S = 60.0
_RETRYING_S = 60.0
"""A batch that fails for longer, for a reason that is not its own, is a problem of this instance."""
_RESTART_S = (0.5, 1.0, 2.0, 5.0)
_MAX_POLL_MS = 15 * 60 * 1000
_FETCH_WAIT_MS = 100
_EMBEDDED_WAIT_MS = 20
"""An idle fetch waits that long there, even where a message comes meanwhile: half of it is a hop's median."""
_NOTIFIED_WAIT_MS = 5
"""Where arrivals are notified, a consumer fetches only when something is there, or is just about to pause."""
_ENDLESS_MS = 2**31 - 1
"""After waiting that long in vain, FastStream sleeps as long again: so let it wait until something comes."""


class Bus:
    """All subscriptions of one service instance. `run` keeps them consuming whatever the brokers do."""

    def __init__(
        self,
        settings: ProcessSettings,
        subscriptions: Sequence[Subscription],
        broadcasts: Sequence[Broadcast],
        store: Store,
        clock: Clock,
        metrics: Metrics,
        flow: Flow | None = None,
    ) -> None:
        self.flow: Flow = flow or NoFlow()
        self.log = logger(__name__)
        self.connected = False
        self._settings = settings
        self._subscriptions = subscriptions
        self._broadcasts = broadcasts
        self._clock = clock
        self._metrics = metrics
        self.deliveries = {
            self.group(subscription.name): Delivery(
                self.group(subscription.name),
                subscription,
                store,
                clock,
                metrics,
                DeadLetterBudget(settings.dead_letter_limit),
                keeps_positions=not settings.embedded_bus,
            )
            for subscription in subscriptions
        }
        # The embedded broker forgets everything at its end: whatever an inbox lacks is sent again at its start.
        groups = () if settings.embedded_bus else self.deliveries
        self._detectors = {group: GapDetector(group, store, metrics) for group in groups}
        self._readers: list[SubscriptionConsumer] = []
        if self.flow.arrivals is not None:
            self.flow.arrivals.subscribe(self._on_arrival)

    def group(self, name: str) -> str:
        """The consumer group of a subscription."""
        return f"{self._settings.service}.{name}"

    @property
    def subscribed(self) -> list[tuple[str, str]]:
        """(consumer group, topic) of everything that is read exactly once."""
        return [(self.group(it.name), event.topic) for it in self._subscriptions for event in it.events]

    @property
    def problems(self) -> list[str]:
        """What keeps this instance from consuming, in words; empty when all is well."""
        found = [] if self.connected else ["not connected to Kafka"]
        now = self._clock.now()
        for name, delivery in self.deliveries.items():
            if delivery.paused:
                found.append(f"{name} is paused until an operator resumes it: too many dead letters")
            elif (since := delivery.retrying_since) and (seconds := (now - since).total_seconds()) > _RETRYING_S:
                found.append(f"{name} has repeated a batch for {seconds:.0f} s: {delivery.retrying_error}")
        for detector in self._detectors.values():
            found += detector.problems
        return found

    def standing(self, consumer: str, topic: str) -> ConsumerLag | None:
        """How far a consumer is behind, as last measured; None if that is unknown or it reads no partition here."""
        found = next((reader for reader in self._readers if reader.consumer == consumer), None)
        return None if found is None else found.measured.get(topic)

    def broker(self) -> KafkaBroker:
        """A FastStream broker with every subscription attached (also what AsyncAPI is generated from)."""
        broker = KafkaBroker(
            self._settings.kafka_bootstrap.split(","),
            client_id=f"ratchet-{self._settings.service}-{self._settings.instance}",
            consumer_only=True,
            allow_auto_create_topics=False,
            security=faststream_security(self._settings),
            metadata_max_age_ms=30_000,
            # While a broker is away each consumer asks for it in several loops; ten times a second is a storm.
            retry_backoff_ms=100 if self._settings.embedded_bus else 500,
            graceful_timeout=5.0,
            apply_types=False,
            logger=logging.getLogger("faststream"),
        )
        self._readers = []
        for subscription in self._subscriptions:
            delivery = self.deliveries[self.group(subscription.name)]
            detector = self._detectors.get(delivery.consumer)
            reader = SubscriptionConsumer(delivery.consumer, delivery.settle, True, self.flow, self._metrics, detector)
            self._attach(broker, reader, subscription, subscription.max_batch)
        for broadcast in self._broadcasts:
            reader = SubscriptionConsumer(
                self.group(broadcast.name), self._spread(broadcast), False, self.flow, self._metrics
            )
            self._attach(broker, reader, broadcast, 500)
        return broker

    def _attach(
        self, broker: KafkaBroker, reader: SubscriptionConsumer, subscription: Subscription | Broadcast, max_batch: int
    ) -> None:
        embedded = self._settings.embedded_bus
        static = reader.grouped and not embedded
        reader.subscriber = broker.subscriber(
            *[event.topic for event in subscription.events],
            batch=True,
            group_id=reader.consumer if reader.grouped else None,
            group_instance_id=f"{reader.consumer}.{self._settings.instance}" if static else None,
            auto_offset_reset="earliest" if reader.grouped else "latest",
            ack_policy=AckPolicy.MANUAL,
            max_records=max_batch,
            fetch_max_wait_ms=self._fetch_wait_ms(),
            session_timeout_ms=10_000,
            heartbeat_interval_ms=3_000 if embedded else 1_000,
            max_poll_interval_ms=_MAX_POLL_MS,
            batch_timeout_ms=_ENDLESS_MS,
            consumer_timeout_ms=200 if self.flow.arrivals is None else 10_000,  # between looks at what to fetch
            parser=reader.parse,
            decoder=_whole,
            no_reply=True,
            title=f"{reader.consumer}",
            description=subscription.events[0].__doc__,
        )
        reader.subscriber(reader.consume)
        self._readers.append(reader)

    def _fetch_wait_ms(self) -> int:
        if self.flow.arrivals is not None:
            return _NOTIFIED_WAIT_MS
        return _EMBEDDED_WAIT_MS if self._settings.embedded_bus else _FETCH_WAIT_MS

    def _on_arrival(self, partition: TopicPartition) -> None:
        for reader in self._readers:
            reader.resume(partition)

    def _spread(self, broadcast: Broadcast) -> Callable[[Sequence[Record]], Any]:
        async def settle(records: Sequence[Record]) -> None:
            events = []
            for record in records:
                with contextlib.suppress(Permanent):
                    events.append(decode(record))
            try:
                await broadcast.handler(events)
            except Exception as error:
                self.log.warning("broadcast failed", consumer=broadcast.name, error=type(error).__name__)

        return settle

    async def run(self) -> None:
        """Consumes until cancelled; rebuilds the broker when it can't start or stops making progress."""
        failures = 0
        while True:
            broker = self.broker()
            try:
                await self._refresh()
                await broker.start()
                self.connected, failures = True, 0
                self.log.info("consuming", consumers=[reader.consumer for reader in self._readers])
                await self._watch()
                self.log.warning("no progress although messages wait: consumers are rebuilt")
            except Exception as error:
                failures += 1
                self.log.warning("bus not reachable", error=type(error).__name__)
                await asyncio.sleep(_RESTART_S[min(failures, len(_RESTART_S)) - 1])
            finally:
                self.connected = False
                with contextlib.suppress(Exception):
                    await asyncio.wait_for(broker.stop(), 10)

    async def _watch(self) -> None:
        """Measures the lag every few seconds; returns when a consumer stands still with work before it."""
        while True:
            await asyncio.sleep(_WATCH_S)
            if not self._settings.embedded_bus:  # there, no other instance pauses a consumer
                await self._refresh()
            for reader in self._readers:
                if await self._stalled(reader):
                    return

    async def _refresh(self) -> None:
        """Learns which consumers are paused, by other instances or since before the start."""
        for delivery in self.deliveries.values():
            with contextlib.suppress(Exception):  # a database that is away
                await delivery.refresh()

    async def _stalled(self, reader: SubscriptionConsumer) -> bool:
        with contextlib.suppress(Exception):  # Kafka or the database is away: the next look compares
            await reader.compare_positions()
        try:
            measured = await reader.measure(self._clock.now().timestamp())
            self.connected = True
        except Exception:
            self.connected = False
            return False
        for topic, it in measured.items():
            self._metrics.lag.labels(reader.consumer, topic).set(it.lag)
            self._metrics.oldest.labels(reader.consumer, topic).set(math.nan if it.oldest is None else it.oldest)
        delivery = self.deliveries.get(reader.consumer)
        if not any(it.lag for it in measured.values()) or (delivery is not None and delivery.settling):
            reader.progress = time.monotonic()
        return time.monotonic() - reader.progress > _STALLED_S


async def _whole(message: KafkaMessage) -> KafkaMessage:
    """A decoder that hands the handler the message itself."""
    return message
