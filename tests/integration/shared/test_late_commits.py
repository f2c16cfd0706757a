"""Concurrent writers that commit late and out of order: the relay misses no row and keeps the order of each key."""

import asyncio
import random
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import replace

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from shared.events.message import OutgoingMessage
from shared.messaging.outbox_holds import NOTHING_HELD, Held
from shared.messaging.relay import Relay
from shared.messaging.send_result import SendResult
from shared.messaging.sql_store import SqlStore
from shared.messaging.store import Pending, Progress
from shared.runtime.background import cancel_all
from shared.runtime.prometheus_metrics import Metrics
from tests.support.eventually import eventually
from tests.support.messaging import SCHEMA, async_dsn, envelope, feedback, scratch_engine
from tests.support.soak import scaled

WRITERS = scaled(24, 64)
ROWS_EACH = scaled(60, 782)
MOST_DELAY_S = scaled(0.05, 2.0)


_LATE = text(
    f"""SELECT count(*) FROM (
          SELECT sent_at, min(sent_at) OVER (ORDER BY id ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) AS next
          FROM {SCHEMA}.outbox) AS o
        WHERE next < sent_at"""
)
"""The rows that were sent after a row with a higher id."""


class RecordingBus:
    """A bus that records the values of each key in order."""

    def __init__(self) -> None:
        self.values: dict[str, list[float]] = defaultdict(list)

    async def send(self, messages: Sequence[OutgoingMessage]) -> list[SendResult]:
        for message in messages:
            self.values[message.key].append(float(dict(message.headers)["correlationid"]))
        return [SendResult.SENT] * len(messages)

    async def close(self) -> None:
        return None


async def write_late(store: SqlStore) -> None:
    """Write as concurrent aggregates do: each writer has its own key, protected by a row lock, and commits late."""

    async def write(writer: int) -> None:
        chance = random.Random(writer)
        for number in range(ROWS_EACH):
            async with store.begin() as tx:
                one = envelope(feedback(target=f"bot-{writer}"))
                await tx.emit(replace(one, correlation_id=str(number)))
                await asyncio.sleep(chance.uniform(0, MOST_DELAY_S))

    await asyncio.gather(*(write(writer) for writer in range(WRITERS)))


async def test_late_commits_are_sent_in_the_order_of_their_key(postgres_dsn: str) -> None:
    """What a key's writer commits first is sent first."""
    await (await scratch_engine(postgres_dsn)).dispose()
    engine = create_async_engine(async_dsn(postgres_dsn), pool_size=WRITERS + 5)
    store, bus = SqlStore(engine, SCHEMA), RecordingBus()
    relay = Relay(store, bus, "one", store.shards, Metrics("scratch"))
    store.on_emit = relay.wake
    task = asyncio.create_task(relay.run())
    await write_late(store)
    await eventually(lambda: sum(map(len, bus.values.values())) >= WRITERS * ROWS_EACH, within=120)
    assert all(values == sorted(set(values)) for values in bus.values.values())
    assert sum(map(len, bus.values.values())) == WRITERS * ROWS_EACH
    await cancel_all([task])
    async with engine.connect() as conn:
        late = await conn.scalar(_LATE)
    print(f"\n{late} rows became visible after a later one had been sent")
    assert late
    await engine.dispose()


class ReadsAfterLastId(SqlStore):
    """A seeded bug: the outbox is read from the last seen id on."""

    last = 0

    async def pending(
        self, shards: Collection[int], limit: int, max_bytes: int = 1 << 30, held: Held = NOTHING_HELD
    ) -> list[Pending]:
        found = await super().pending(shards, limit, max_bytes, held)
        return [row for row in found if row.id > self.last]

    async def mark_sent(self, tokens: dict[int, int], owner: str, progress: Sequence[Progress]) -> bool:
        self.last = max(self.last, *(done.id for done in progress))
        return await super().mark_sent(tokens, owner, progress)


class MarksRanges(SqlStore):
    """A seeded bug: everything up to the last sent id is marked."""

    async def mark_sent(self, tokens: dict[int, int], owner: str, progress: Sequence[Progress]) -> bool:
        async with self.begin() as tx:
            last = max(done.id for done in progress)
            await tx.conn.execute(text(f"UPDATE {SCHEMA}.outbox SET sent_at = now() WHERE id <= {last}"))
        return True


@pytest.mark.parametrize("broken", [ReadsAfterLastId, MarksRanges])
async def test_relay_that_relies_on_the_order_of_ids_loses_rows(postgres_dsn: str, broken: type[SqlStore]) -> None:
    await (await scratch_engine(postgres_dsn)).dispose()
    engine = create_async_engine(async_dsn(postgres_dsn), pool_size=WRITERS + 5)
    store, bus = broken(engine, SCHEMA), RecordingBus()
    relay = Relay(store, bus, "one", store.shards, Metrics("scratch"))
    store.on_emit = relay.wake
    task = asyncio.create_task(relay.run())
    await write_late(store)
    async with store.begin() as tx:
        await tx.emit(replace(envelope(feedback(target="last")), correlation_id="0"))
    await eventually(lambda: "acme/last" in bus.values)
    await cancel_all([task])
    lost = WRITERS * ROWS_EACH + 1 - sum(map(len, bus.values.values()))
    await engine.dispose()
    assert lost > 0, "the defective relay sent a row that became visible late"
