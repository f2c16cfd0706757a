"""How many messages a second the relay moves from the outbox to Kafka, and what one costs.

    python -m benchmarks.relay [--events 20000] [--group 64] [--targets 8] [--json]

Feedback of 1.1 kB is emitted in transactions of `--group` events about `--targets` targets, on a PostgreSQL of its own
with fsync on; then the relay sends it all to an embedded broker in another process, and last one event at a time, each
after the one before was acknowledged. Figures per message: processor time of this process and of PostgreSQL, and WAL.

* emit: encode and insert, in transactions of a group
* backlog: read, send, mark, as fast as it goes
* singles: emit, wake, read, send, mark, for a lone event
* stream: the same while four writers emit events in transactions of one, without a pause
"""

import argparse
import asyncio
import contextlib
import json
import random
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from benchmarks.consume import postmaster
from benchmarks.cpu import CpuMeter
from benchmarks.growth import texts
from benchmarks.ingest import SERVER
from benchmarks.rows import Row, add_rows_option, write_rows
from benchmarks.termination import exit_on_sigterm
from collector.settings import CollectorSettings
from ratchet_local.embedded import EmbeddedBroker
from ratchet_local.postgres import Postgres
from shared.events import Envelope
from shared.events.base import Event
from shared.messaging.producer import KafkaProducer
from shared.messaging.relay import Relay
from shared.messaging.sql_store import SqlStore
from shared.runtime.background import cancel_all
from shared.runtime.database import engine
from shared.runtime.migrations import migrate
from shared.runtime.prometheus_metrics import Metrics
from tests.support.quality import envelopes, facts, feedback

SINGLES, STREAM = 300, 3_000
WRITERS = 4
PARTITIONS = 12


@dataclass(frozen=True, slots=True)
class Cost:
    """Cost of a message: messages per second, microseconds of processor time, bytes of WAL."""

    rate: float
    process_us: float
    postgres_us: float
    wal_bytes: float


class ObservedStore(SqlStore):
    """Sets `marked` when messages were marked as sent."""

    def __init__(self, db: AsyncEngine, schema: str) -> None:
        super().__init__(db, schema)
        self.marked = asyncio.Event()

    async def mark_sent(self, *arguments: Any) -> bool:
        done = await super().mark_sent(*arguments)
        self.marked.set()
        return done


class Meter:
    """Measures this process and a PostgreSQL."""

    def __init__(self, server: Postgres, db: AsyncEngine) -> None:
        self._server = server
        self._db = db

    @contextlib.asynccontextmanager
    async def measure(self, found: dict[str, Cost], step: str, messages: int) -> AsyncIterator[None]:
        """Add what the block costs to `found`."""
        wal, postgres = await self._wal(), CpuMeter.of_family(postmaster(self._server).pid)
        wall, cpu = time.perf_counter(), time.process_time()
        yield
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        used = postgres.seconds
        written = await self._wal() - wal
        found[step] = Cost(messages / wall, 1e6 * cpu / messages, 1e6 * used / messages, written / messages)

    async def _wal(self) -> int:
        async with self._db.connect() as conn:
            return int(await conn.scalar(text("SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn")) or 0)


def events(count: int, targets: int) -> list[Envelope[Event]]:
    """Return thumbs with the texts of their executions."""
    rnd = random.Random(7)
    made = []
    for number, words in enumerate(islice(texts(rnd, 30), count)):
        execution = facts(number, input=words, output=words)
        made.append(feedback(number, target=f"bot-{rnd.randrange(targets)}", value=1.0, execution=execution))
    return list(envelopes(made))


async def emit(store: SqlStore, waiting: Sequence[Envelope[Event]], group: int) -> None:
    for start in range(0, len(waiting), group):
        async with store.begin() as tx:
            await tx.emit(*waiting[start : start + group])


async def measure(server: Postgres, bootstrap: str, count: int, group: int, targets: int) -> dict[str, Cost]:
    settings = CollectorSettings(database_url=server.dsn(), kafka_bootstrap=bootstrap)
    db, waiting, found = engine(settings), events(count + SINGLES + STREAM, targets), dict[str, Cost]()
    metrics, meter = Metrics("relay"), Meter(server, db)
    store = ObservedStore(db, "collector")
    async with meter.measure(found, "emit", count):
        await emit(store, waiting[:count], group)
    relay = Relay(store, KafkaProducer(settings), "bench", store.shards, metrics)
    store.on_emit = relay.wake

    async def sent(number: int) -> None:
        while metrics.sent.totals["feedback.created"] < number:
            store.marked.clear()
            await store.marked.wait()

    async with meter.measure(found, "backlog", count):
        task = asyncio.create_task(relay.run())
        await sent(count)
    async with meter.measure(found, "singles", SINGLES):
        for number, event in enumerate(waiting[count : count + SINGLES], count + 1):
            await emit(store, [event], 1)
            await sent(number)
    async with meter.measure(found, "stream", STREAM):
        parts = (waiting[count + SINGLES + part :: WRITERS] for part in range(WRITERS))
        await asyncio.gather(*(emit(store, part, 1) for part in parts))
        await sent(count + SINGLES + STREAM)
    await cancel_all([task])
    await db.dispose()
    return found


@contextlib.contextmanager
def broker() -> Iterator[str]:
    """Yield the address of an embedded broker in another process, so that its processor time is not counted."""
    ours, theirs = get_context("spawn").Pipe()
    process = get_context("spawn").Process(target=_serve, args=(theirs,))
    process.start()
    try:
        yield ours.recv()
    finally:
        with contextlib.suppress(OSError):  # it has ended
            ours.send(None)
        process.join(10)


def _serve(pipe: Connection) -> None:
    server = EmbeddedBroker({"feedback.created": PARTITIONS})
    pipe.send(server.bootstrap)
    pipe.recv()
    server.close()


def show(found: dict[str, Cost]) -> None:
    for step, cost in found.items():
        print(f"{step:10}{cost.rate:>10,.0f} messages/s{cost.process_us:8.1f} µs ours", end="")
        print(f"{cost.postgres_us:8.1f} µs PostgreSQL{cost.wal_bytes:8,.0f} bytes of WAL")


def table_rows(found: dict[str, Cost]) -> list[Row]:
    """Return the rate and the processor time of each step."""
    return [
        Row(f"relay: {step}", "messages/s", cost.rate, "high", item="message",
            process_s=cost.process_us / 1e6, postgres_s=cost.postgres_us / 1e6)
        for step, cost in found.items()
    ]  # fmt: skip


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--group", type=int, default=64)
    parser.add_argument("--targets", type=int, default=8)
    parser.add_argument("--json", action="store_true")
    add_rows_option(parser)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, broker() as bootstrap:
        server = Postgres(Path(folder) / "data", Path(folder) / "postgres.log", SERVER)
        try:
            server.start()
            await migrate("collector", server.dsn().replace("postgresql:", "postgresql+asyncpg:", 1))
            found = await measure(server, bootstrap, asked.events, asked.group, asked.targets)
        finally:
            server.stop()
    write_rows(asked.rows, table_rows(found))
    if asked.json:
        print(json.dumps({step: asdict(cost) for step, cost in found.items()}, indent=1))
    else:
        show(found)


if __name__ == "__main__":
    exit_on_sigterm()
    asyncio.run(main())
