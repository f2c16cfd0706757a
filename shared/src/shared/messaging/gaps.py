"""Gaps between what a consumer took and what its database knows: found, reported, and read again where possible."""

import asyncio
from collections.abc import Collection, Mapping
from typing import Any

from aiokafka import TopicPartition

from shared.messaging.consumed_positions import ABSENT, Decision, Gap, LogState, reconcile
from shared.messaging.store import Store
from shared.messaging.topics import COMPACTED
from shared.runtime.log import logger
from shared.runtime.metrics import Metrics

_ANSWER_S = 5.0
_AGAIN_S = 0.5


class GapDetector:
    """Compares the positions of one consumer in Kafka and in the database.

    A database that was restored from a backup is behind Kafka: the consumer goes back to the database's position, and
    what it had taken before, the inbox knows. What Kafka has deleted meanwhile is lost to this consumer: the service
    that emitted it can send it again (`republish`). Each gap is logged, counted and kept in the database.
    """

    def __init__(self, consumer: str, store: Store, metrics: Metrics) -> None:
        self.gaps: dict[TopicPartition, Gap] = {}
        """Gaps found by this instance: lost events, and what is not replayed yet."""
        self._consumer = consumer
        self._store = store
        self._metrics = metrics
        self._holes: dict[TopicPartition, tuple[int, int]] = {}
        self._log = logger(__name__).bind(consumer=consumer)

    @property
    def problems(self) -> list[str]:
        """The gaps in words, at most one line a topic."""
        topics = sorted({partition.topic for partition in self.gaps})
        return [self._problem(topic, [gap for it, gap in self.gaps.items() if it.topic == topic]) for topic in topics]

    def _problem(self, topic: str, gaps: Collection[Gap]) -> str:
        lost, replayed = sum(gap.lost for gap in gaps), sum(gap.replayed for gap in gaps)
        if lost:
            return f"{self._consumer} lacks {lost} events of {topic} that Kafka has deleted: republish them"
        return f"{self._consumer} replays {replayed} events of {topic}: the database is older than Kafka's offsets"

    def settled(self, positions: Mapping[TopicPartition, int]) -> None:
        """Forget gaps that were replayed whole, and what was seen of them."""
        for partition, position in positions.items():
            self._holes.pop(partition, None)
            gap = self.gaps.get(partition)
            if gap is not None and not gap.lost and position >= gap.next:
                del self.gaps[partition]

    async def resolve(
        self, kafka: Any, firsts: Mapping[TopicPartition, int], settled: Mapping[TopicPartition, int]
    ) -> bool:
        """Find out why a batch that starts at `firsts` does not follow the database's positions; repeat until it can.

        Returns whether reading starts again earlier, so that the batch must be given up. To be called only between
        two fetches: then what is fetched next is what Kafka has from there on.
        """
        while True:
            try:
                return await self._resolve(kafka, firsts, settled)
            except Exception as error:
                self._log.warning("positions not compared yet", error=type(error).__name__)
                await asyncio.sleep(_AGAIN_S)

    async def _resolve(
        self, kafka: Any, firsts: Mapping[TopicPartition, int], settled: Mapping[TopicPartition, int]
    ) -> bool:
        owned = kafka.assignment()
        sought = await self.check(kafka, owned, settled)  # all of them: where one is behind, others are
        sought |= await self._skip_holes(kafka, {it: firsts[it] for it in firsts.keys() & owned - sought})
        if not sought and firsts.keys() <= owned:
            return False
        for partition in firsts.keys() & kafka.assignment() - sought:
            kafka.seek(partition, firsts[partition])
        return True

    async def check(
        self, kafka: Any, partitions: Collection[TopicPartition], settled: Mapping[TopicPartition, int]
    ) -> set[TopicPartition]:
        """Compare the positions of `partitions`; the ones that are read again from an earlier offset.

        `settled`: what this instance took, also where it could not commit the offset. Raises what Kafka or the store
        raises.
        """
        taken = dict(settled)
        # In this order: an offset is committed after the position is, and the log ends after both.
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
            offsets = [at for at in (committed[it], taken.get(it)) if at is not None]
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
        """Where the log itself skips offsets: believed when seen twice, the second time from the position on."""
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

    async def _store_position(self, at: TopicPartition, former: int | None, decision: Decision) -> bool:
        """Write a decision down and report it; False where the position has changed meanwhile."""
        async with self._store.begin() as tx:
            changed = await tx.replace_position(
                self._consumer, (at.topic, at.partition), former, decision.position, decision.gap
            )
        if changed:
            self._report(at, former, decision)
        return changed

    def _report(self, at: TopicPartition, former: int | None, decision: Decision) -> None:
        log = self._log.bind(topic=at.topic, partition=at.partition)
        if decision.new_log:
            log.warning("position reset: Kafka's log ends before it", former=former, position=decision.position)
        gap = decision.gap
        if gap is None or self.gaps.get(at) == gap:
            return
        self.gaps[at] = gap
        fields = {"first": gap.first, "next": gap.next, "replayed": gap.replayed, "lost": gap.lost}
        if gap.lost:
            log.error("gap: Kafka has deleted events that the database lacks; republish them", **fields)
        else:
            log.error("gap: the database is older than Kafka's offsets; events are replayed", **fields)
        for outcome, count in (("replayed", gap.replayed), ("lost", gap.lost)):
            if count:
                self._metrics.gaps.labels(self._consumer, at.topic, outcome).inc(count)
