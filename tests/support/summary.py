"""Results of a load: wait until everything is processed, then verify that each post was counted exactly once."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from analyzer.domain.engine import QualityEngine
from analyzer.domain.streams.sums import MICROS
from analyzer.storage.state_rows import read_streams
from deploy.kafka.topics import admin_client
from ratchet_local.routes import SERVICES
from tests.support.eventually import eventually
from tests.support.kafka import end_offsets
from tests.support.load import Load
from tests.support.messaging import async_dsn

_STREAMS = """SELECT project, environment, target, metric, prompt, identity, generation,
                     CAST(state AS text) AS state, CAST(mirrored AS text) AS mirrored FROM analyzer.streams"""
_REQUEST_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """Acknowledged posts that were not counted (lost), counted more than once, or counted with another value."""

    lost: tuple[str, ...]
    twice: tuple[str, ...]
    altered: tuple[str, ...]

    @property
    def clean(self) -> bool:
        return not (self.lost or self.twice or self.altered)


async def verify_counts(dsn: str, load: Load) -> Verdict:
    """Compare the acknowledged posts with the analyzer's state, post by post. Call `wait_until_processed` before."""
    ledger = QualityEngine()
    streams = [stream for row in await query_rows(dsn, _STREAMS) for stream in read_streams(row, ledger)]
    known = ((stream.key.prompt_metric.dimension, stream.sums) for stream in streams)
    counted = {dimension.metric: sums for dimension, sums in known if not dimension.mirrored}
    sent = [post for post in load.work if post.metric in counted]
    return Verdict(
        tuple(post.key for post in load.work if post.key in load.acknowledged and post.metric not in counted),
        tuple(post.key for post in sent if counted[post.metric].n > 1),
        tuple(
            post.key
            for post in sent
            if counted[post.metric].total != round(post.value * MICROS) * counted[post.metric].n
        ),
    )


@dataclass(frozen=True, slots=True)
class Latency:
    """Seconds from the collector's commit to the analyzer's commit, by the database's clock."""

    events: int
    p50_s: float
    p99_s: float
    max_s: float

    def __str__(self) -> str:
        return f"{self.events} events, p50 {self.p50_s:.2f} s, p99 {self.p99_s:.2f} s, max {self.max_s:.2f} s"


async def measure_latency(dsn: str) -> Latency:
    """Return the time from ingestion to measurement."""
    [row] = await query_rows(
        dsn,
        """SELECT count(*) AS events, percentile_cont(0.5) WITHIN GROUP (ORDER BY took) AS p50,
                  percentile_cont(0.99) WITHIN GROUP (ORDER BY took) AS p99, max(took) AS max_s
           FROM (SELECT extract(epoch FROM i.received_at - o.created_at) AS took
                 FROM collector.outbox_messages o JOIN analyzer.inbox i USING (event_id)
                 WHERE i.consumer = 'analyzer.quality') AS pairs""",
    )
    return Latency(row.events, float(row.p50 or 0), float(row.p99 or 0), float(row.max_s or 0))


@asynccontextmanager
async def _engine(dsn: str) -> AsyncIterator[AsyncEngine]:
    engine = create_async_engine(async_dsn(dsn), poolclass=NullPool)
    try:
        yield engine
    finally:
        await engine.dispose()


async def query_rows(dsn: str, sql: str, **values: Any) -> list[Row[Any]]:
    """Return the rows of a query."""
    async with _engine(dsn) as engine, engine.begin() as conn:
        done = await conn.execute(text(sql), values)
        return list(done) if done.returns_rows else []


async def wait_until_processed(dsn: str, kafka: str, within: float = 60.0) -> None:
    """Wait until nothing is pending: in an outbox, for its execution, or in Kafka for any subscription.

    Raises:
    AssertionError: it took longer than `within` seconds; the message lists what is pending.
    """
    admin = admin_client({"RATCHET_KAFKA_BOOTSTRAP": kafka})

    async def nothing_pending() -> bool:
        try:
            waiting = await pending_rows(dsn) or await asyncio.to_thread(lag, admin, await _subscriptions(dsn))
        except KafkaException as error:  # a broker that has just started still loads its groups
            raise AssertionError("the broker gave no offsets") from error
        assert not waiting, f"waiting: {waiting}"
        return True

    await eventually(nothing_pending, within)


async def pending_rows(dsn: str) -> dict[str, int]:
    """Return the number of pending rows in PostgreSQL by table."""
    tables = {f"{service}.outbox_messages": "WHERE NOT is_sent" for service in SERVICES} | {"collector.waiting": ""}
    counts = [f"SELECT '{table}' AS name, count(*) AS waiting FROM {table} {which}" for table, which in tables.items()]
    return {row.name: row.waiting for row in await query_rows(dsn, " UNION ALL ".join(counts)) if row.waiting}


async def _subscriptions(dsn: str) -> dict[str, list[str]]:
    """Return consumer group → topics."""
    every = " UNION ".join(f"SELECT consumer, topic FROM {service}.subscriptions" for service in SERVICES)
    found: dict[str, list[str]] = {}
    for row in await query_rows(dsn, every):
        found.setdefault(row.consumer, []).append(row.topic)
    return found


def lag(admin: AdminClient, subscriptions: dict[str, list[str]]) -> dict[str, int]:
    """Return the number of messages that a group has not acknowledged, by group, without zeros."""
    ends = end_offsets(admin, {topic for topics in subscriptions.values() for topic in topics})
    found = {}
    for group, topics in subscriptions.items():
        partitions_of_group = [TopicPartition(topic, partition) for topic, partition in ends if topic in topics]
        request = [ConsumerGroupTopicPartitions(group, partitions_of_group)]
        answer = admin.list_consumer_group_offsets(request, request_timeout=_REQUEST_TIMEOUT_S)[group].result()
        behind = sum(ends[at.topic, at.partition] - max(0, at.offset) for at in answer.topic_partitions)
        if behind:
            found[group] = behind
    return found


async def count_unprocessed_events(dsn: str) -> int:
    """Return the number of events that a subscription neither processed nor moved to the dead letters."""
    counts = [
        f"""SELECT count(*) AS missing FROM {emitter}.outbox_messages o
            JOIN {subscriber}.subscriptions s USING (topic)
            WHERE NOT EXISTS (SELECT FROM {subscriber}.inbox i
                              WHERE (i.consumer, i.event_id) = (s.consumer, o.event_id))
              AND NOT EXISTS (SELECT FROM {subscriber}.dead_letters d, jsonb_array_elements(d.headers) h
                              WHERE d.consumer = s.consumer AND h ->> 1 = o.event_id::text)"""
        for emitter, subscriber in itertools.product(SERVICES, SERVICES)
    ]
    return sum(row.missing for row in await query_rows(dsn, " UNION ALL ".join(counts)))


@asynccontextmanager
async def block_transactions(dsn: str, table: str) -> AsyncIterator[int]:
    """Block transactions of services by a lock on `table` while the block runs.

    Yields the number of blocked transactions, at least one. A process killed in the block dies in mid-transaction.
    """
    service = table.partition(".")[0]
    async with _engine(dsn) as engine, engine.begin() as conn:
        await conn.execute(text(f"LOCK TABLE {table} IN EXCLUSIVE MODE"))
        yield await eventually(lambda: _count_blocked(dsn, service))


async def _count_blocked(dsn: str, service: str) -> int:
    found = await query_rows(
        dsn,
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name LIKE :name",
        name=f"ratchet-{service}-%",
    )
    return int(found[0][0])
