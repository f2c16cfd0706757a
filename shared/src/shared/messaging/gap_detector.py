"""Detection of gaps between Kafka's offsets and the database's positions: report them, and replay what is kept."""

import asyncio
from collections.abc import Collection, Mapping
from typing import Any

from aiokafka import TopicPartition

from shared.messaging.position_gaps import ABSENT, Decision, Gap, LogState, reconcile
from shared.messaging.store import Store
from shared.messaging.topics import COMPACTED
from shared.runtime.log import logger
from shared.runtime.prometheus_metrics import Metrics

_ANSWER_S = 5.0
_RETRY_S = 0.5


class GapDetector:
    """Compares the positions of one consumer in Kafka and in the database.

    A database that was restored from a backup is behind Kafka: the consumer seeks back to the database's position, and
    the inbox recognises events that were processed before. Events that Kafka has deleted are lost to this consumer
    until the service that emitted them republishes them. Each gap is logged, counted and stored in the database.
    """

    def __init__(self, consumer: str, store: Store, metrics: Metrics) -> None:
        self.gaps: dict[TopicPartition, Gap] = {}
        """Open gaps that this instance found: with lost events, or not replayed completely yet."""
        self._consumer = consumer
        self._store = store
        self._metrics = metrics
        self._holes: dict[TopicPartition, tuple[int, int]] = {}
        self._log = logger(__name__).bind(consumer=consumer)

    @property
    def problems(self) -> list[str]:
        """The open gaps as text, at most one line per topic."""
        topics = sorted({partition.topic for partition in self.gaps})
        return [self._problem(topic, [gap for it, gap in self.gaps.items() if it.topic == topic]) for topic in topics]

    def _problem(self, topic: str, gaps: Collection[Gap]) -> str:
        lost, replayed = sum(gap.lost for gap in gaps), sum(gap.replayed for gap in gaps)
        if lost:
            return f"{self._consumer} has lost {lost} events of {topic} that Kafka has deleted: republish them"
        return f"{self._consumer} is replaying {replayed} events of {topic}: the database is older than Kafka's offsets"

    def advance(self, positions: Mapping[TopicPartition, int]) -> None:
        """Close gaps that were replayed completely up to `positions`."""
        for partition, position in positions.items():
            self._holes.pop(partition, None)
            gap = self.gaps.get(partition)
            if gap is not None and not gap.lost and position >= gap.next:
                del self.gaps[partition]

    async def resolve(
        self, kafka: Any, firsts: Mapping[TopicPartition, int], processed: Mapping[TopicPartition, int]
    ) -> bool:
        """Handle a batch that starts at `firsts`, after the database's positions; retry until Kafka and it answer.

        Returns whether consuming restarts at an earlier offset, so that the batch must be dropped. Call it only between
        two fetches, so that the next fetch begins at the offset that was sought.
        """
        while True:
            try:
                return await self._resolve(kafka, firsts, processed)
            except Exception as error:
                self._log.warning("positions could not be compared; retrying", error=type(error).__name__)
                await asyncio.sleep(_RETRY_S)

    async def _resolve(
        self, kafka: Any, firsts: Mapping[TopicPartition, int], processed: Mapping[TopicPartition, int]
    ) -> bool:
        owned = kafka.assignment()
        sought = await self.check(kafka, owned, processed)  # all partitions: if one is behind, others are
        sought |= await self._skip_holes(kafka, {it: firsts[it] for it in firsts.keys() & owned - sought})
        if not sought and firsts.keys() <= owned:
            return False
        for partition in firsts.keys() & kafka.assignment() - sought:
            kafka.seek(partition, firsts[partition])
        return True

    async def check(
        self, kafka: Any, partitions: Collection[TopicPartition], processed: Mapping[TopicPartition, int]
    ) -> set[TopicPartition]:
        """Compare the positions of `partitions`; return those that are read again from an earlier offset.

        `processed`: next offsets of this instance, including those that it could not commit. Raises what Kafka or the
        store raises.
        """
        local = dict(processed)
        # In this order: an offset is committed after its position, and the end of the log is behind both.
        asked = list(partitions)
        async with asyncio.timeout(_ANSWER_S):
            committed = dict(zip(asked, await asyncio.gather(*map(kafka.committed, asked)), strict=True))
            positions = await self._positions()
            kept = await kafka.beginning_offsets(asked)
            ends = await kafka.end_offsets(asked)
        sought = set()
        for it in partitions:
            if it not in kafka.assignment():
                continue
            position = positions.get((it.topic, it.partition), ABSENT)
            offsets = [at for at in (committed[it], local.get(it)) if at is not None]
            log = LogState(max(offsets, default=None), kept[it], ends[it])
            decision = reconcile(position, log, it.topic in COMPACTED)
            if decision is None or not await self._store_position(it, position, decision):
                continue
            if decision.seek:
                await kafka.commit({it: decision.position})
                kafka.seek(it, decision.position)
                sought.add(it)
        return sought

    async def _skip_holes(self, kafka: Any, firsts: Mapping[TopicPartition, int]) -> set[TopicPartition]:
        """Accept offsets that the log itself skips, once a second read from the position has shown the same hole.

        Returns the partitions that are read again.
        """
        positions = await self._positions()
        sought = set()
        for it, first in firsts.items():
            position = positions.get((it.topic, it.partition), ABSENT)
            if position is None or position >= first:
                continue
            if self._holes.get(it) == (position, first):
                gap = None if it.topic in COMPACTED else Gap(max(position, 0), first, first - max(position, 0))
                await self._store_position(it, position, Decision(first, gap=gap))
            else:
                self._holes[it] = (position, first)
                kafka.seek(it, max(position, 0))
                sought.add(it)
        return sought

    async def _positions(self) -> Mapping[tuple[str, int], int | None]:
        async with self._store.begin() as tx:
            return await tx.positions(self._consumer)

    async def _store_position(self, at: TopicPartition, expected: int | None, decision: Decision) -> bool:
        """Store the decided position and report it; return False if the position has changed meanwhile."""
        async with self._store.begin() as tx:
            changed = await tx.replace_position(
                self._consumer, (at.topic, at.partition), expected, decision.position, decision.gap
            )
        if changed:
            self._report(at, expected, decision)
        return changed

    def _report(self, at: TopicPartition, expected: int | None, decision: Decision) -> None:
        log = self._log.bind(topic=at.topic, partition=at.partition)
        if decision.new_log:
            log.warning("position reset: Kafka's log ends before it", previous=expected, position=decision.position)
        gap = decision.gap
        if gap is None or self.gaps.get(at) == gap:
            return
        self.gaps[at] = gap
        fields = {"first": gap.first, "next": gap.next, "replayed": gap.replayed, "lost": gap.lost}
        if gap.lost:
            log.error("gap: Kafka has deleted events that this consumer has not processed; republish them", **fields)
        else:
            log.error("gap: the database is older than Kafka's offsets; replaying events", **fields)
        for outcome, count in (("replayed", gap.replayed), ("lost", gap.lost)):
            if count:
                self._metrics.gaps.labels(self._consumer, at.topic, outcome).inc(count)
