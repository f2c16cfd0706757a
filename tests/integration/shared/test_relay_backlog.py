"""A backlog of large messages leaves the outbox: in bounded memory, past a full bus, on real brokers."""

import asyncio
from collections.abc import Sequence
from typing import Any

import psutil
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from ratchet_local.bounded_flow import BoundedFlow
from shared.events.feedback import FeedbackCreated
from shared.events.message import Message
from shared.messaging.bus import Bus
from shared.messaging.cloudevents import Received
from shared.messaging.producer import KafkaProducer
from shared.messaging.relay import BATCH_BYTES, Relay
from shared.messaging.send_result import SendResult
from shared.messaging.sql_store import SqlStore
from shared.messaging.store import Subscription, Tx
from shared.runtime.background import cancel_all
from shared.runtime.clock import SystemClock
from shared.runtime.prometheus_metrics import Metrics
from tests.support.eventually import eventually
from tests.support.messaging import SCHEMA, ScratchSettings, envelope, feedback, scratch_engine
from tests.support.soak import scaled

LARGE = scaled(100, 1_000)
"""Messages of 200 KB."""
MOST_RSS = 64 << 20


async def put(engine: AsyncEngine, count: int, size: int) -> None:
    """Put messages of `size` bytes into the outbox, made by the server: this process never holds them."""
    async with engine.begin() as conn:
        await conn.execute(text(f"ALTER TABLE {SCHEMA}.outbox ALTER COLUMN payload SET STORAGE EXTERNAL"))
        await conn.execute(
            text(
                f"""INSERT INTO {SCHEMA}.outbox (shard, event_id, topic, key, headers, payload)
                    SELECT n % 4, gen_random_uuid(), 'feedback.created', 'acme/bot-' || n, '[]',
                           convert_to(repeat('x', :size), 'UTF8')
                    FROM generate_series(1, :count) AS n"""
            ),
            {"count": count, "size": size},
        )


async def unsent(engine: AsyncEngine) -> int:
    async with engine.connect() as conn:
        return int(await conn.scalar(text(f"SELECT count(*) FROM {SCHEMA}.outbox WHERE sent_at IS NULL")) or 0)


class Discarded:
    """A bus that takes everything and keeps nothing; knows the most that it was given at once."""

    def __init__(self) -> None:
        self.most_bytes = 0
        self.most_rss = 0

    async def send(self, messages: Sequence[Message]) -> list[SendResult]:
        self.most_bytes = max(self.most_bytes, sum(len(message.value) for message in messages))
        self.most_rss = max(self.most_rss, psutil.Process().memory_info().rss)
        return [SendResult.SENT] * len(messages)

    async def close(self) -> None:
        return None


async def test_a_relay_holds_a_bounded_part_of_its_backlog(postgres_dsn: str) -> None:
    engine = await scratch_engine(postgres_dsn)
    await put(engine, 236, 740_000)
    bus, store = Discarded(), SqlStore(engine, SCHEMA)
    relay = Relay(store, bus, "one", store.shards, Metrics("scratch"))
    before = psutil.Process().memory_info().rss
    tokens = await store.lease(store.shards, "one", 60)
    while await relay.pump(tokens):
        pass
    assert await unsent(engine) == 0
    assert bus.most_bytes <= BATCH_BYTES
    assert bus.most_rss - before <= MOST_RSS
    await engine.dispose()


async def test_large_messages_are_acknowledged_by_kafka(postgres_dsn: str, kafka_bootstrap: str) -> None:
    engine = await scratch_engine(postgres_dsn)
    await put(engine, LARGE, 200_000)
    store, metrics = SqlStore(engine, SCHEMA), Metrics("scratch")
    settings = ScratchSettings(database_url="postgresql://unused", kafka_bootstrap=kafka_bootstrap)
    relay = Relay(store, KafkaProducer(settings), "one", store.shards, metrics)
    task = asyncio.create_task(relay.run())

    async def all_sent() -> bool:
        return await unsent(engine) == 0

    await eventually(all_sent, within=scaled(120, 600))
    assert metrics.sent.totals["feedback.created"] == LARGE, "each was sent once"
    await cancel_all([task])
    await engine.dispose()


@pytest.mark.parametrize(("count", "text_bytes"), [(1_500, 4_000)])
async def test_more_than_the_embedded_broker_holds_flows_through_it(
    postgres_dsn: str, embedded_kafka: str, count: int, text_bytes: int
) -> None:
    """Twice what the flow lets in: the relay goes on as the consumer does, and nothing is overtaken."""
    engine = await scratch_engine(postgres_dsn)
    lost: list[str] = []
    flow = BoundedFlow(lost.append)
    settings = ScratchSettings(
        database_url="postgresql://unused", kafka_bootstrap=embedded_kafka, embedded_bus=True, instance="one"
    )
    store, seen = SqlStore(engine, SCHEMA), set[float]()

    async def handle(tx: Tx, events: Sequence[Received[Any]]) -> None:
        seen.update(received.event.value for received in events)

    subscription = Subscription("effects", (FeedbackCreated,), handle)
    bus = Bus(settings, [subscription], [], store, SystemClock(), Metrics("scratch"), flow)
    for pair in bus.subscribed:
        flow.subscribe(*pair)
    padding = "x" * text_bytes
    async with store.begin() as tx:
        for value in range(count):
            large = feedback(target=f"bot-{value % 7}", value=float(value)).model_copy(update={"text": padding})
            await tx.emit(envelope(large))
    relay = Relay(store, KafkaProducer(settings, flow), "one", store.shards, Metrics("scratch"))
    tasks = [asyncio.create_task(relay.run()), asyncio.create_task(bus.run())]
    await eventually(lambda: len(seen) == count)
    assert lost == []
    await cancel_all(tasks)
    await engine.dispose()
