"""The bus: FastStream consumers that commit named offsets after each transaction, and a watchdog."""

import asyncio
import contextlib
import math
import time
from collections.abc import Callable, Sequence
from typing import Any

from aiokafka import TopicPartition
from faststream.kafka import KafkaBroker

from shared.errors import Permanent
from shared.messaging.cloudevents import Record, decode
from shared.messaging.consumer import ConsumerLag, SubscriptionConsumer
from shared.messaging.dead_letter_writer import DeadLetterBudget
from shared.messaging.delivery import Delivery
from shared.messaging.fetch_order import fetch_all_partitions
from shared.messaging.flow_control import Flow, NoFlow
from shared.messaging.gap_detector import GapDetector
from shared.messaging.kafka_broker import SessionTimes, attach_consumer, disconnect, new_broker
from shared.messaging.store import Broadcast, Store, Subscription
from shared.runtime.background import complete
from shared.runtime.clock import Clock
from shared.runtime.log import logger
from shared.runtime.prometheus_metrics import Metrics
from shared.runtime.settings import ProcessSettings

_WATCH_S = 5.0
_STALLED_S = 60.0
_MEASURE_S = 20.0
"""Kafka's client may wait without end, for example for a coordinator that it looks up."""
_RETRYING_S = 60.0
"""A batch that fails for longer, for a reason outside of it, is reported as a problem of this instance."""
_CLOSE_S = 2.0
_STOP_S, _REBUILD_S = 1.0, 10.0
"""Seconds in which consumers leave their groups when the service stops, and before they are built anew: one that joins
its group waits for the end of that first."""
_START_S = 0.5
"""Seconds for a start that is cancelled: aiokafka leaves a connection open if its first request is cancelled."""
_DISCONNECT_S = 5.0
_RESTART_S = (0.5, 1.0, 2.0, 5.0)


class Bus:
    """All subscriptions of one service instance. `run` consumes until cancelled, through failures of the brokers."""

    def __init__(
        self,
        settings: ProcessSettings,
        subscriptions: Sequence[Subscription],
        broadcasts: Sequence[Broadcast],
        store: Store,
        clock: Clock,
        metrics: Metrics,
        flow: Flow | None = None,
        session: SessionTimes | None = None,
    ) -> None:
        self.flow: Flow = flow or NoFlow()
        self.log = logger(__name__)
        self.connected = False
        self._settings = settings
        self._subscriptions = subscriptions
        self._broadcasts = broadcasts
        self._clock = clock
        self._metrics = metrics
        self._session = session
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
        # The embedded broker loses its data when it stops: events that an inbox lacks are republished when it starts.
        groups = () if settings.embedded_bus else self.deliveries
        self._detectors = {group: GapDetector(group, store, metrics) for group in groups}
        self._consumers: list[SubscriptionConsumer] = []
        if self.flow.arrivals is not None:
            self.flow.arrivals.subscribe(self._on_arrival)

    def group(self, name: str) -> str:
        """Return the consumer group of a subscription."""
        return f"{self._settings.service}.{name}"

    @property
    def subscribed(self) -> list[tuple[str, str]]:
        """(consumer group, topic) of all subscriptions."""
        return [(self.group(it.name), event.topic) for it in self._subscriptions for event in it.events]

    @property
    def problems(self) -> list[str]:
        """What keeps this instance from consuming, as text; empty if nothing does."""
        found = [] if self.connected else ["not connected to Kafka"]
        now = self._clock.now()
        for name, delivery in self.deliveries.items():
            if delivery.paused:
                found.append(f"{name} is paused because of too many dead letters, until an operator resumes it")
            elif (since := delivery.retrying_since) and (seconds := (now - since).total_seconds()) > _RETRYING_S:
                found.append(f"{name} has retried a batch for {seconds:.0f} s: {delivery.retrying_error}")
        for detector in self._detectors.values():
            found += detector.problems
        return found

    def lag(self, consumer: str, topic: str) -> ConsumerLag | None:
        """Return the last measured lag of a consumer group; None if unknown, or if it reads no partition here."""
        found = next((reader for reader in self._consumers if reader.group == consumer), None)
        return None if found is None else found.measured.get(topic)

    def broker(self) -> KafkaBroker:
        """Return a FastStream broker with every subscription attached; AsyncAPI is generated from it, too."""
        broker = new_broker(self._settings)
        self._consumers = []
        for subscription in self._subscriptions:
            delivery = self.deliveries[self.group(subscription.name)]
            detector = self._detectors.get(delivery.consumer)
            consumer = SubscriptionConsumer(
                delivery.consumer, delivery.process, True, self.flow, self._metrics, detector, subscription.from_apps
            )
            self._attach(broker, consumer, subscription)
        for broadcast in self._broadcasts:
            consumer = SubscriptionConsumer(
                self.group(broadcast.name), self._broadcast_processor(broadcast), False, self.flow, self._metrics
            )
            self._attach(broker, consumer, broadcast)
        return broker

    def _attach(
        self, broker: KafkaBroker, consumer: SubscriptionConsumer, subscription: Subscription | Broadcast
    ) -> None:
        notified = self.flow.arrivals is not None
        attach_consumer(broker, consumer, subscription, self._settings, notified, self._session)
        self._consumers.append(consumer)

    def _on_arrival(self, partition: TopicPartition) -> None:
        for consumer in self._consumers:
            consumer.wake_partition(partition)

    def _broadcast_processor(self, broadcast: Broadcast) -> Callable[[Sequence[Record]], Any]:
        async def process(records: Sequence[Record]) -> None:
            events = []
            for record in records:
                with contextlib.suppress(Permanent):
                    events.append(decode(record))
            try:
                await broadcast.handler(events)
            except Exception as error:
                self.log.warning("broadcast handler failed", consumer=broadcast.name, error=type(error).__name__)

        return process

    async def run(self) -> None:
        """Consume until cancelled; rebuild the broker if it cannot start or makes no progress."""
        failures = 0
        while True:
            broker = self.broker()
            try:
                await self._refresh()
                await complete(broker.start(), _START_S)
                if not self._settings.embedded_bus:
                    for consumer in self._consumers:
                        fetch_all_partitions(consumer.subscriber.consumer)
                self.connected, failures = True, 0
                self.log.info("consuming", consumers=[consumer.group for consumer in self._consumers])
                await self._watch()
                self.log.warning("no progress although messages wait; rebuilding consumers")
            except Exception as error:
                failures += 1
                self.log.warning("Kafka is not reachable; retrying", error=type(error).__name__)
                await asyncio.sleep(_RESTART_S[min(failures, len(_RESTART_S)) - 1])
            finally:
                self.connected = False
                task = asyncio.current_task()
                stop_s = _STOP_S if task is not None and task.cancelling() else _REBUILD_S
                await complete(self._close(broker, stop_s), _CLOSE_S + stop_s + _DISCONNECT_S)

    async def _close(self, broker: KafkaBroker, stop_s: float) -> None:
        """Commit what was processed and leave the groups; then close what is open nevertheless."""
        with contextlib.suppress(Exception):
            await asyncio.wait_for(asyncio.gather(*(it.close() for it in self._consumers)), _CLOSE_S)
        with contextlib.suppress(Exception):
            await asyncio.wait_for(broker.stop(), stop_s)
        await asyncio.gather(*(disconnect(it.subscriber.consumer) for it in self._consumers))

    async def _watch(self) -> None:
        """Measure the lag every 5 s; return when a consumer with a lag has made no progress for 60 s."""
        while True:
            await asyncio.sleep(_WATCH_S)
            if not self._settings.embedded_bus:  # the embedded bus has a single instance, which knows its pauses
                await self._refresh()
            for consumer in self._consumers:
                if await self._stalled(consumer):
                    return

    async def _refresh(self) -> None:
        """Read which consumers are paused, by other instances or before the start."""
        for delivery in self.deliveries.values():
            with contextlib.suppress(Exception):  # the database may be unavailable
                await delivery.refresh()

    async def _stalled(self, consumer: SubscriptionConsumer) -> bool:
        with contextlib.suppress(Exception):  # Kafka or the database may be unavailable: retried next time
            await asyncio.wait_for(consumer.compare_positions(), _MEASURE_S)
        try:
            measured = await asyncio.wait_for(consumer.measure(self._clock.now().timestamp()), _MEASURE_S)
            self.connected = True
        except TimeoutError:
            self.connected = False
            return not self._processing(consumer) and time.monotonic() - consumer.progress > _STALLED_S
        except Exception:
            self.connected = False
            return False
        for topic, it in measured.items():
            self._metrics.lag.labels(consumer.group, topic).set(it.lag)
            self._metrics.oldest.labels(consumer.group, topic).set(math.nan if it.oldest is None else it.oldest)
        if self._processing(consumer) or not any(it.lag for it in measured.values()):
            consumer.progress = time.monotonic()
        return time.monotonic() - consumer.progress > _STALLED_S

    def _processing(self, consumer: SubscriptionConsumer) -> bool:
        delivery = self.deliveries.get(consumer.group)
        return delivery is not None and delivery.processing
