"""Consumer of one subscription: passes batches on, commits the offsets of what was processed, measures its lag."""

import asyncio
import math
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, NamedTuple

from aiokafka import TopicPartition
from faststream.kafka import KafkaMessage

from shared.messaging.cloudevents import Record
from shared.messaging.flow_control import Flow
from shared.messaging.gap_detector import GapDetector
from shared.messaging.offsets import OffsetCommits
from shared.messaging.position_gaps import PositionGap
from shared.runtime.prometheus_metrics import Metrics

_ANSWER_S = 5.0
_COMPARE_S = 60.0
_ASK_S = 30.0
"""Where all arrivals are notified, the broker is asked for the ends of its partitions after this time only."""
_topic_of = attrgetter("topic")


class PartitionLag(NamedTuple):
    """The unprocessed messages of one partition. `since`: Unix seconds when they began to wait; None if unknown."""

    topic: str
    messages: int
    since: float | None


@dataclass(frozen=True, slots=True)
class ConsumerLag:
    """Lag of this instance on one topic, in messages, over the partitions that it reads.

    `oldest`: Unix seconds; the oldest unprocessed message was sent then or a little later. None if there is none, or
    if its time is unknown.
    """

    lag: int
    oldest: float | None


def lag_by_topic(partitions: Iterable[PartitionLag]) -> dict[str, ConsumerLag]:
    """Return the lag by topic. If the time is unknown for one partition with a lag, it is unknown for its topic."""
    found: dict[str, ConsumerLag] = {}
    unknown = set()
    for topic, messages, since in partitions:
        previous = found.get(topic, ConsumerLag(0, None))
        times = [at for at in (previous.oldest, since if messages else None) if at is not None]
        found[topic] = ConsumerLag(previous.lag + messages, min(times, default=None))
        if messages and since is None:
            unknown.add(topic)
    return {topic: ConsumerLag(it.lag, None) if topic in unknown else it for topic, it in found.items()}


class SubscriptionConsumer:
    """Passes batches to `process` and commits exactly the offsets of what was processed.

    `measured` is the result of the last `measure` by topic: empty before the first, and while Kafka does not answer.
    """

    def __init__(
        self,
        group: str,
        process: Callable[[Sequence[Record]], Any],
        grouped: bool,
        flow: Flow,
        metrics: Metrics,
        detector: GapDetector | None = None,
        from_apps: bool = False,
    ) -> None:
        self.group = group
        self.grouped = grouped
        self.subscriber: Any = None
        self.progress = time.monotonic()
        self.measured: dict[str, ConsumerLag] = {}
        self._process = process
        self._flow = flow
        self._metrics = metrics
        self._detector = detector
        self._from_apps = from_apps
        self._compared: tuple[frozenset[TopicPartition], float] = (frozenset(), 0.0)
        self._offsets = OffsetCommits(group, lambda: self.subscriber.consumer)
        self._positions: dict[TopicPartition, int] = {}
        self._current: dict[TopicPartition, Any] = {}
        self._later_than: dict[TopicPartition, float] = {}
        """Partition → Unix seconds after which its unprocessed messages were sent."""
        self._ends_known: dict[TopicPartition, int] = {}
        self._ends_asked_at = -math.inf

    async def parse(self, raw: tuple[Record, ...]) -> KafkaMessage:
        """Return the batch undecoded: FastStream's own parser loses a batch whose headers it cannot decode."""
        return KafkaMessage(body=b"", raw_message=raw, consumer=self.subscriber.consumer)

    async def decode(self, message: KafkaMessage) -> KafkaMessage:
        """Return the message itself: `consume` hands its records on, undecoded."""
        return message

    async def consume(self, message: KafkaMessage) -> None:
        """Process one batch, then have its offsets committed. Raises nothing: FastStream would drop the batch."""
        records: Any = message.raw_message
        first, last = self._ends(records)
        self._current = first
        try:
            processed = await self._process_or_seek(records, first)
        finally:
            self._current = {}
        self.progress = time.monotonic()
        if not processed:
            return
        positions = {partition: record.offset + 1 for partition, record in last.items()}
        self._positions.update(positions)
        self._count(records, last)
        if self.grouped:
            await self._offsets.add(positions)
            for partition, offset in positions.items():
                self._flow.record_consumed(self.group, partition.topic, partition.partition, offset)
        if self._detector is not None:
            self._detector.advance(positions)
        if not self._from_apps:  # more may follow unnotified: `measure` pauses it
            self._pause(positions)

    async def _process_or_seek(self, records: Sequence[Any], first: Mapping[TopicPartition, Any]) -> bool:
        """Process `records`; return False if the database lacks earlier ones, then consuming restarts at those."""
        while True:
            try:
                await self._process(records)
                return True
            except PositionGap:
                assert self._detector is not None
                firsts = {partition: record.offset for partition, record in first.items()}
                if await self._detector.resolve(self.subscriber.consumer, firsts, self._positions):
                    self._offsets.discard(self._positions)
                    self._positions.clear()
                    return False

    async def close(self) -> None:
        """Commit the offsets of what was processed, before Kafka's consumer is closed."""
        await self._offsets.close()

    async def compare_positions(self) -> None:
        """Compare Kafka's positions with the database's, at each new assignment and once a minute.

        This finds a restored database while no messages arrive; otherwise the next batch does. Raises what Kafka or the
        database raises.
        """
        consumer = self.subscriber.consumer
        if self._detector is None or consumer is None:
            return
        assigned, now = frozenset(consumer.assignment()), time.monotonic()
        if assigned and (assigned != self._compared[0] or now - self._compared[1] > _COMPARE_S):
            for partition in await self._detector.check(consumer, assigned, self._positions):
                self._positions.pop(partition, None)
                self._offsets.discard([partition])
            self._compared = (assigned, now)

    def _ends(self, records: Sequence[Any]) -> tuple[dict[TopicPartition, Any], dict[TopicPartition, Any]]:
        """Return the first and the last record of each partition; report gaps between offsets to the flow control."""
        first: dict[TopicPartition, Any] = {}
        last: dict[TopicPartition, Any] = {}
        for record in records:
            partition = TopicPartition(record.topic, record.partition)
            previous = last.get(partition)
            expected = previous.offset + 1 if previous is not None else self._positions.get(partition)
            if expected is not None and record.offset > expected:
                self._flow.gap(self.group, record.topic, record.partition, expected, record.offset)
            if previous is None:
                first[partition] = record
            last[partition] = record
        return first, last

    def _count(self, records: Sequence[Record], last: dict[TopicPartition, Any]) -> None:
        for topic, number in Counter(map(_topic_of, records)).items():
            self._metrics.processed.add((self.group, topic), number)
        for partition, record in last.items():
            self._raise_bound(partition, record.timestamp / 1000)

    def _raise_bound(self, partition: TopicPartition, at: float) -> None:
        self._later_than[partition] = max(at, self._later_than.get(partition, 0.0))

    def wake_partition(self, partition: TopicPartition) -> None:
        """Resume fetching from `partition`, if it is assigned to this instance: a message was sent there."""
        consumer = self.subscriber.consumer
        if consumer is not None and partition in consumer.assignment():
            consumer.resume(partition)

    def _pause(self, positions: Mapping[TopicPartition, int]) -> None:
        """Pause partitions that were read to their end, until `wake_partition`; only if arrivals are notified."""
        arrivals, consumer = self._flow.arrivals, self.subscriber.consumer
        if arrivals is None:
            return
        owned = consumer.assignment()
        consumer.pause(*(it for it, position in positions.items() if it in owned and position >= arrivals.end(it)))

    async def measure(self, now: float) -> dict[str, ConsumerLag]:
        """Return the lag by topic at `now` (Unix seconds). Raises if Kafka does not answer."""
        consumer = self.subscriber.consumer
        try:
            ends = await self._end_offsets(consumer.assignment(), now)
            behind = [await self._behind(partition, end, now) for partition, end in ends.items()]
        except Exception:
            self.measured = {}
            raise
        for (partition, end), it in zip(ends.items(), behind, strict=True):
            if it.messages:  # sent by another process
                self.wake_partition(partition)
            else:
                self._pause({partition: end})
        self.measured = lag_by_topic(behind)
        return self.measured

    async def _end_offsets(self, assigned: Collection[TopicPartition], now: float) -> Mapping[TopicPartition, int]:
        """Return the end of each assigned partition: the notified one, or what the broker says."""
        arrivals, known = self._flow.arrivals, self._ends_known
        recent = 0 <= now - self._ends_asked_at < (0 if self._from_apps else _ASK_S)
        if arrivals is not None and recent and known.keys() >= set(assigned):
            return {partition: max(arrivals.end(partition), known[partition]) for partition in assigned}
        self._ends_known = await asyncio.wait_for(self.subscriber.consumer.end_offsets(assigned), _ANSWER_S)
        self._ends_asked_at = now
        return self._ends_known

    async def _behind(self, partition: TopicPartition, end: int, now: float) -> PartitionLag:
        """Return a partition's lag. The time of a batch in progress is known exactly; otherwise it is a lower bound."""
        head = self._current.get(partition)
        if head is not None:
            return PartitionLag(partition.topic, max(0, end - head.offset), head.timestamp / 1000)
        position: int | None = self._positions.get(partition)
        if position is None:
            async with asyncio.timeout(_ANSWER_S):  # without a task, unlike `wait_for`: the position is mostly known
                position = int(await self.subscriber.consumer.position(partition))
        if end <= position:
            self._raise_bound(partition, now)
        return PartitionLag(partition.topic, max(0, end - position), self._later_than.get(partition))
