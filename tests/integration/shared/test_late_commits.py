"""Many writers whose transactions commit late and out of order: the relay misses no row and keeps each key's order."""

import asyncio
import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from shared.messaging.cloudevents import Message
from shared.messaging.relay import Relay
from shared.messaging.send_result import SendResult
from shared.messaging.sql_store import SqlStore
from shared.runtime.metrics import Metrics
from shared.runtime.tasks import end
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
"""The rows before which a row of a higher id was sent."""


class Kept:
    """A bus that remembers the values of each key in their order."""

    def __init__(self) -> None:
        self.values: dict[str, list[float]] = defaultdict(list)

    async def send(self, messages: Sequence[Message]) -> list[SendResult]:
        for message in messages:
            self.values[message.key].append(float(dict(message.headers)["correlationid"]))
        return [SendResult.SENT] * len(messages)

    async def close(self) -> None:
        return None


async def test_rows_that_become_visible_late_are_sent_in_the_order_of_their_key(postgres_dsn: str) -> None:
    """A key has one writer at a time, as an aggregate under its row lock: what it commits first leaves first."""
    await (await scratch_engine(postgres_dsn)).dispose()
    engine = create_async_engine(async_dsn(postgres_dsn), pool_size=WRITERS + 5)
    store, bus = SqlStore(engine, SCHEMA), Kept()
    relay = Relay(store, bus, "one", store.shards, Metrics("scratch"))
    store.on_emit = relay.wake
    task = asyncio.create_task(relay.run())

    async def write(writer: int) -> None:
        chance = random.Random(writer)
        for number in range(ROWS_EACH):
            async with store.begin() as tx:
                one = envelope(feedback(target=f"bot-{writer}"))
                await tx.emit(replace(one, correlation_id=str(number)))
                await asyncio.sleep(chance.uniform(0, MOST_DELAY_S))

    await asyncio.gather(*(write(writer) for writer in range(WRITERS)))
    await eventually(lambda: sum(map(len, bus.values.values())) >= WRITERS * ROWS_EACH, within=120)
    assert all(values == sorted(set(values)) for values in bus.values.values())
    assert sum(map(len, bus.values.values())) == WRITERS * ROWS_EACH
    await end([task])
    async with engine.connect() as conn:
        late = await conn.scalar(_LATE)
    print(f"\n{late} rows became visible after a later one had been sent")
    assert late
    await engine.dispose()
