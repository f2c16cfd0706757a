"""Poison at scale with PostgreSQL: valid messages are counted, poison becomes dead letters, a bad deployment pauses."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from sqlalchemy import text

from shared.events.feedback import FeedbackCreated
from shared.messaging.cloudevents import Received
from shared.messaging.dead_letter_writer import DeadLetterBudget
from shared.messaging.delivery import UNKNOWN_ATTEMPTS, Delivery
from shared.messaging.sql_store import SqlStore
from shared.messaging.store import Subscription, Tx
from shared.runtime.background import cancel_all
from shared.runtime.clock import SystemClock
from shared.runtime.prometheus_metrics import Metrics
from shared.testing.bus import FakeRecord
from tests.support.eventually import eventually
from tests.support.messaging import SCHEMA, envelope, feedback, record, scratch_engine
from tests.support.soak import scaled

MESSAGES = scaled(2_000, 10_000)
BATCH = 500
LIMIT = scaled(20, 60)
CRASHER = 7.5


class Service:
    """A consumer whose handler crashes on one value, or on all."""

    def __init__(self, store: SqlStore) -> None:
        self.store = store
        self.counted: Counter[float] = Counter()
        self.attempts: Counter[float] = Counter()
        self.broken = False
        self.delivery = Delivery(
            "scratch.effects", Subscription("effects", (FeedbackCreated,), self.handle), store, SystemClock(),
            Metrics("scratch"), DeadLetterBudget(LIMIT),
        )  # fmt: skip

    async def handle(self, _: Tx, events: Sequence[Received[Any]]) -> None:
        if len(events) == 1:
            self.attempts[events[0].event.value] += 1
        if self.broken or any(received.event.value == CRASHER for received in events):
            raise ZeroDivisionError
        self.counted.update(received.event.value for received in events)

    async def parked(self) -> list[tuple[str, int]]:
        async with self.store.begin() as tx:
            rows = await tx.conn.execute(text(f'SELECT reason, "offset" FROM {SCHEMA}.dead_letters ORDER BY 2'))
            return [(row[0], row[1]) for row in rows]


@pytest.fixture
async def service(postgres_dsn: str) -> AsyncIterator[Service]:
    engine = await scratch_engine(postgres_dsn)
    yield Service(SqlStore(engine, SCHEMA))
    await engine.dispose()


def messages(count: int) -> list[FakeRecord]:
    """Return messages of which one in a hundred is unreadable; the handler crashes on one in all."""
    made = []
    for number in range(count):
        value = CRASHER if number == count // 2 else float(number)
        good = record(envelope(feedback(value=value)), offset=number)
        bad = FakeRecord("feedback.created", 0, number, b"acme/bot", b"garbage", (("h", b"v"),))
        made.append(bad if number % 100 == 99 else good)
    return made


async def test_one_percent_of_poison_loses_no_valid_event(service: Service) -> None:
    sent = messages(MESSAGES)
    longest = 0.0
    for start in range(0, MESSAGES, BATCH):
        began = time.monotonic()
        await service.delivery.process(sent[start : start + BATCH])
        longest = max(longest, time.monotonic() - began)
    bad = MESSAGES // 100
    assert len(service.counted) == MESSAGES - bad - 1
    assert set(service.counted.values()) == {1}
    assert Counter(reason for reason, _ in await service.parked()) == {"malformed": bad, "exhausted": 1}
    assert service.attempts[CRASHER] <= UNKNOWN_ATTEMPTS + 2
    assert not service.delivery.paused
    print(f"\nlongest batch of {BATCH}: {longest:.1f} s, {bad + 1} poisons met")


async def test_bad_deployment_pauses_and_the_next_loses_nothing(service: Service) -> None:
    service.broken = True
    sent = [record(envelope(feedback(value=float(number))), offset=number) for number in range(BATCH)]
    settling = asyncio.create_task(service.delivery.process(sent))
    await eventually(lambda: service.delivery.paused, within=120)
    assert len(await service.parked()) == LIMIT
    assert not settling.done()
    await cancel_all([settling])

    # The process of the next deployment. Nothing was acknowledged, so all messages are read again.
    repaired = Service(service.store)
    await repaired.delivery.refresh()
    again = asyncio.create_task(repaired.delivery.process(sent))
    await asyncio.sleep(0)
    assert repaired.counted == {}, "the pause survives the restart"
    assert await repaired.delivery.resume(envelope())
    await again
    assert len(repaired.counted) + LIMIT >= BATCH
    assert set(repaired.counted.values()) == {1}
    known = {offset for _, offset in await service.parked()}
    lost = {number for number in range(BATCH) if number not in known and float(number) not in repaired.counted}
    assert lost == set()
