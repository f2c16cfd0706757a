"""One subscription's consumer: takes batches, acknowledges what was settled, knows how far it is behind."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, NamedTuple

from aiokafka import TopicPartition
from faststream.kafka import KafkaMessage

from shared.messaging.cloudevents import Record
from shared.messaging.consumed_positions import PositionGap
from shared.messaging.flow_control import Flow
from shared.messaging.gaps import GapDetector
from shared.runtime.log import logger
from shared.runtime.metrics import Metrics

_ANSWER_S = 5.0
_COMPARE_S = 60.0
_topic_of = attrgetter("topic")


class PartitionLag(NamedTuple):
    """What is left to do in one partition. `since`: Unix seconds; None if unknown."""

    topic: str
    messages: int
    since: float | None


@dataclass(frozen=True, slots=True)
class ConsumerLag:
    """How far this instance is behind on one topic, in the partitions that it reads.

    `oldest`: Unix seconds; the oldest message not settled was sent then or a little later. None if there is none, or
    if that is unknown.
    """

    lag: int
    oldest: float | None


def lag_by_topic(partitions: Iterable[PartitionLag]) -> dict[str, ConsumerLag]:
    """The standing in each topic. What is unknown of one partition that is behind is unknown of its topic."""
    found: dict[str, ConsumerLag] = {}
    unknown = set()
    for topic, messages, since in partitions:
        former = found.get(topic, ConsumerLag(0, None))
        times = [at for at in (former.oldest, since if messages else None) if at is not None]
        found[topic] = ConsumerLag(former.lag + messages, min(times, default=None))
        if messages and since is None:
            unknown.add(topic)
    return {topic: ConsumerLag(it.lag, None) if topic in unknown else it for topic, it in found.items()}


class SubscriptionConsumer:
    """Hands batches to `settle` and acknowledges exactly what was settled.

    `measured` is what the last `measure` found by topic: empty before the first, and while Kafka does not answer.
    """

    def __init__(
        self,
        consumer: str,
        settle: Callable[[Sequence[Record]], Any],
        grouped: bool,
        flow: Flow,
        metrics: Metrics,
        detector: GapDetector | None = None,
    ) -> None:
        self.consumer = consumer
        self.grouped = grouped
        self.subscriber: Any = None
        self.progress = time.monotonic()
        self.measured: dict[str, ConsumerLag] = {}
        self._settle = settle
        self._flow = flow
        self._metrics = metrics
        self._detector = detector
        self._compared: tuple[frozenset[TopicPartition], float] = (frozenset(), 0.0)
        self._log = logger(__name__)
        self._positions: dict[TopicPartition, int] = {}
        self._in_hand: dict[TopicPartition, Any] = {}
        self._later_than: dict[TopicPartition, float] = {}
        """Of each partition: what it has that is not settled was sent after that (Unix seconds)."""

    async def parse(self, raw: tuple[Record, ...]) -> KafkaMessage:
        """FastStream's own parser decodes headers and loses a batch in which that fails; ours reads nothing."""
        return KafkaMessage(body=b"", raw_message=raw, consumer=self.subscriber.consumer)

    async def consume(self, message: KafkaMessage) -> None:
        """Settles one batch, then acknowledges it. FastStream would drop what this raises: it raises nothing."""
        records: Any = message.raw_message
        first, last = self._ends(records)
        self._in_hand = first
        try:
            taken = await self._settle_or_seek(records, first)
        finally:
            self._in_hand = {}
        self.progress = time.monotonic()
        if not taken:
            return
        settled = {partition: record.offset + 1 for partition, record in last.items()}
        self._positions.update(settled)
        self._note(records, last)
        if self.grouped:
            await self._acknowledge(settled)
        if self._detector is not None:
            self._detector.settled(settled)
        self._pause(settled)

    async def _settle_or_seek(self, records: Sequence[Any], first: Mapping[TopicPartition, Any]) -> bool:
        """Settles `records`; False where the database lacks what is before them, and reading starts again there."""
        while True:
            try:
                await self._settle(records)
                return True
            except PositionGap:
                assert self._detector is not None
                firsts = {partition: record.offset for partition, record in first.items()}
                if await self._detector.resolve(self.subscriber.consumer, firsts, self._positions):
                    self._positions.clear()
                    return False

    async def compare_positions(self) -> None:
        """Compares Kafka's positions with the database's: at each new assignment, and once a minute.

        A database restored while nothing is sent shows here, else with the next batch. Raises what Kafka or it raises.
        """
        consumer = self.subscriber.consumer
        if self._detector is None or consumer is None:
            return
        assigned, now = frozenset(consumer.assignment()), time.monotonic()
        if assigned and (assigned != self._compared[0] or now - self._compared[1] > _COMPARE_S):
            for partition in await self._detector.check(consumer, assigned, self._positions):
                self._positions.pop(partition, None)
            self._compared = (assigned, now)

    def _ends(self, records: Sequence[Any]) -> tuple[dict[TopicPartition, Any], dict[TopicPartition, Any]]:
        """The first and the last record of each partition; tells of gaps on the way."""
        first: dict[TopicPartition, Any] = {}
        last: dict[TopicPartition, Any] = {}
        for record in records:
            partition = TopicPartition(record.topic, record.partition)
            former = last.get(partition)
            expected = former.offset + 1 if former is not None else self._positions.get(partition)
            if expected is not None and record.offset > expected:
                self._flow.gap(self.consumer, record.topic, record.partition, expected, record.offset)
            if former is None:
                first[partition] = record
            last[partition] = record
        return first, last

    def _note(self, records: Sequence[Record], last: dict[TopicPartition, Any]) -> None:
        for topic, number in Counter(map(_topic_of, records)).items():
            self._metrics.settled.add((self.consumer, topic), number)
        for partition, record in last.items():
            self._after(partition, record.timestamp / 1000)

    def _after(self, partition: TopicPartition, at: float) -> None:
        self._later_than[partition] = max(at, self._later_than.get(partition, 0.0))

    async def _acknowledge(self, settled: dict[TopicPartition, int]) -> None:
        """Commits by name: FastStream's `ack()` commits the position of every partition, settled or not.

        A failed commit loses nothing: the messages come again and are known by their ids.
        """
        consumer = self.subscriber.consumer
        try:
            owned = consumer.assignment()
            await consumer.commit({partition: offset for partition, offset in settled.items() if partition in owned})
        except Exception as error:
            self._log.warning("offsets not committed", consumer=self.consumer, error=type(error).__name__)
        for partition, offset in settled.items():
            self._flow.consumed(self.consumer, partition.topic, partition.partition, offset)

    def resume(self, partition: TopicPartition) -> None:
        """Fetch from `partition` again, if this instance reads it: a message was sent there."""
        consumer = self.subscriber.consumer
        if consumer is not None and partition in consumer.assignment():
            consumer.resume(partition)

    def _pause(self, positions: Mapping[TopicPartition, int]) -> None:
        """Stop fetching from partitions that were read to their end, until `resume`; only where that is called."""
        arrivals, consumer = self._flow.arrivals, self.subscriber.consumer
        if arrivals is None:
            return
        owned = consumer.assignment()
        consumer.pause(*(it for it, position in positions.items() if it in owned and position >= arrivals.end(it)))

    async def measure(self, now: float) -> dict[str, ConsumerLag]:
        """Asks Kafka how far the topics reach, at `now` (Unix seconds). Raises where it does not answer."""
        consumer = self.subscriber.consumer
        try:
            ends = await asyncio.wait_for(consumer.end_offsets(consumer.assignment()), _ANSWER_S)
            behind = [await self._behind(partition, end, now) for partition, end in ends.items()]
        except Exception:
            self.measured = {}
            raise
        for (partition, end), it in zip(ends.items(), behind, strict=True):
            if it.messages:  # from a sender outside of this process
                self.resume(partition)
            else:
                self._pause({partition: end})
        self.measured = lag_by_topic(behind)
        return self.measured

    async def _behind(self, partition: TopicPartition, end: int, now: float) -> PartitionLag:
        """A message in hand is known exactly; one that waits is later than what was settled before it."""
        head = self._in_hand.get(partition)
        if head is not None:
            return PartitionLag(partition.topic, max(0, end - head.offset), head.timestamp / 1000)
        position: int | None = self._positions.get(partition)
        if position is None:
            position = int(await asyncio.wait_for(self.subscriber.consumer.position(partition), _ANSWER_S))
        if end <= position:
            self._after(partition, now)
        return PartitionLag(partition.topic, max(0, end - position), self._later_than.get(partition))
