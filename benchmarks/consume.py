"""How many events per second the analyzer processes, with exactly-once effect.

    python -m benchmarks.consume [--events 40000] [--batch 1000] [--targets 8] [--json]

The messages are encoded beforehand; each execution has segments (of 3 routes and 4 languages), and its own texts. Each
step below does all the work of the previous one and more, on the same messages in batches of the same size, with its
own PostgreSQL with fsync on; so the differences show where the time is spent:

* decode: headers and JSON to events
* fold: also readings, sums, the detector, in memory
* claim: decode, and the inbox claim in a transaction each batch, but no effect
* whole: decode, claim, load, fold, save, outbox, commit

Then the last step again, with processor time by stage (`benchmarks.stages`), meaningful on a busy machine too.
"""

import argparse
import asyncio
import gc
import json
import random
import tempfile
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import psutil

from analyzer.domain.column_fold import fold_columns
from analyzer.domain.engine import QualityEngine
from analyzer.domain.model import Reading
from analyzer.domain.value_columns import to_columns
from analyzer.domain.watch_rules import Rules
from analyzer.handlers import Handlers, readings
from analyzer.settings import AnalyzerSettings
from benchmarks.cpu import CpuMeter
from benchmarks.growth import texts
from benchmarks.rows import Row, add_rows_option, write_rows
from benchmarks.stages import StageMeter, StageTime
from benchmarks.termination import exit_on_sigterm
from ratchet_local.postgres import Postgres
from shared.events.base import Event
from shared.messaging.cloudevents import Received, decode
from shared.messaging.dead_letter_writer import DeadLetterBudget
from shared.messaging.delivery import Delivery
from shared.messaging.erased_subjects import ErasedSubjects
from shared.messaging.sql_store import SqlStore
from shared.messaging.store import Subscription, Tx
from shared.runtime.clock import SystemClock
from shared.runtime.database import engine
from shared.runtime.garbage import tune_garbage_collection
from shared.runtime.migrations import migrate
from shared.runtime.prometheus_metrics import Metrics
from shared.testing.bus import FakeRecord
from tests.support.messaging import record
from tests.support.quality import envelopes, facts, feedback, recorded

ROUTES, LANGUAGES = ("search", "chat", "summary"), ("en", "de", "fr", "ja")
GOALS = {"feedback": 20_000, "executions": 10_000}


def messages(kind: str, events: int, targets: int) -> list[FakeRecord]:
    """Return thumbs with the texts of their executions, or executions with outcome, latency and cost."""
    rnd = random.Random(7)
    made: list[Event] = []
    for number, text in enumerate(islice(texts(rnd, 80), events)):
        target = f"bot-{rnd.randrange(targets)}"
        levels = {"route": rnd.choice(ROUTES), "language": rnd.choice(LANGUAGES)}
        fields: dict[str, Any] = {"input": text, "output": text, "attributes": levels}
        if kind == "feedback":
            execution = facts(number, **fields)
            made.append(feedback(number, target=target, value=float(rnd.random() < 0.85), execution=execution))
        else:
            spoken = facts(number, outcome="ok", **fields)
            made.append(recorded(number, target=target, facts=spoken, latency_ms=rnd.expovariate(1 / 800), cost=0.002))
    return [record(envelope, offset) for offset, envelope in enumerate(envelopes(made))]


def batches(records: Sequence[FakeRecord], size: int) -> list[Sequence[FakeRecord]]:
    return [records[start : start + size] for start in range(0, len(records), size)]


class Stopwatch:
    """Measures wall time, and processor time of this process, which alone is meaningful on a busy machine."""

    def __init__(self) -> None:
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def per(self, events: int) -> dict[str, float]:
        wall, cpu = time.perf_counter() - self._wall, time.process_time() - self._cpu
        return {"rate": events / wall, "cpu_us": 1e6 * cpu / events}


def timed(work: Callable[[], object], events: int) -> dict[str, float]:
    watch = Stopwatch()
    work()
    return watch.per(events)


def fold(records: Sequence[FakeRecord], size: int) -> None:
    """Decode, extract and fold the messages, without a database."""
    engine = QualityEngine()
    for batch in batches(records, size):
        found = (found for each in batch for found in readings(decode(each, structs=True).event))
        fold_columns(engine, to_columns((each for each in found if isinstance(each, Reading)), engine.rules))
        engine.pending_measurements()


async def ignore_events(tx: Tx, events: Sequence[Received[Any]]) -> None:
    """A handler without effect."""


async def deliver(
    server: Postgres, handler: Subscription | None, records: Sequence[FakeRecord], size: int, meter: StageMeter
) -> dict[str, float]:
    """Deliver the messages to one consumer in batches; return microseconds per event by part."""
    settings, clock = AnalyzerSettings(database_url=server.dsn(), kafka_bootstrap="127.0.0.1:9"), SystemClock()
    db = engine(settings)
    measuring = Handlers(Rules(), ErasedSubjects("analyzer"), clock, "ratchet/analyzer")
    subscription = handler or measuring.subscriptions()[0]
    cap = DeadLetterBudget(60)
    delivery = Delivery(
        f"bench-{time.monotonic_ns()}", subscription, SqlStore(db, "analyzer"), clock, Metrics("x"), cap
    )
    await delivery.process(records[:1])
    watch, postgres = Stopwatch(), CpuMeter.of_family(postmaster(server).pid)
    meter.start()
    for batch in batches(records[1:], size):
        await delivery.process(batch)
    found = watch.per(len(records) - 1)
    found["postgres_us"] = 1e6 * postgres.seconds / (len(records) - 1)
    await db.dispose()
    return found


def postmaster(server: Postgres) -> psutil.Process:
    """Return the parent process of the server."""
    return psutil.Process(int((server.data / "postmaster.pid").read_text().split()[0]))


@dataclass(frozen=True, slots=True)
class Cost:
    """Events per second and processor time of each step, and the processor time of the last step by stage."""

    steps: dict[str, dict[str, float]]
    stages: dict[str, StageTime]


async def measure(server: Postgres, kind: str, events: int, size: int, targets: int) -> Cost:
    records = messages(kind, events, targets)
    gc.collect()
    tune_garbage_collection()  # as services do; this also excludes the messages, which a real consumer does not hold
    claim, meter = Subscription("quality", (), ignore_events), StageMeter(postmaster(server))
    steps = {
        "decode": timed(lambda: deque((decode(each, structs=True) for each in records), maxlen=0), events),
        "fold": timed(lambda: fold(records, size), events),
        "claim": await deliver(server, claim, records, size, meter),
        "whole": await deliver(server, None, records, size, meter),
    }
    with meter.installed():
        await deliver(server, None, records, size, meter)
        return Cost(steps, meter.per(events - 1))


def show(kind: str, cost: Cost) -> None:
    print(f"\n{kind}: {cost.steps['whole']['rate']:,.0f} events/s, goal {GOALS[kind]:,}; processor µs an event")
    for step, found in cost.steps.items():
        print(f"  {step:14}{found['cpu_us']:8.1f} ours{found.get('postgres_us', 0.0):8.1f} PostgreSQL", end="")
        print(f"{found['rate']:>12,.0f} events/s")
    print("  the whole by stage")
    for stage, (process, postgres) in cost.stages.items():
        print(f"    {stage:14}{process:6.1f} ours{postgres:8.1f} PostgreSQL")


def table_rows(found: Mapping[str, Cost]) -> list[Row]:
    """Return the rate and the processor time of each kind of event."""
    return [
        Row(f"analyzer: consume {kind}", "events/s", whole["rate"], "high", limit=GOALS[kind], item="event",
            process_s=whole["cpu_us"] / 1e6, postgres_s=whole["postgres_us"] / 1e6)
        for kind, whole in ((kind, cost.steps["whole"]) for kind, cost in found.items())
    ]  # fmt: skip


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--events", type=int, default=40_000)
    parser.add_argument("--batch", type=int, default=1000)
    parser.add_argument("--targets", type=int, default=8)
    parser.add_argument("--json", action="store_true")
    add_rows_option(parser)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        server = Postgres(Path(folder) / "data", Path(folder) / "postgres.log")
        try:
            server.start()
            await migrate("analyzer", server.dsn().replace("postgresql:", "postgresql+asyncpg:", 1))
            found = {
                kind: await measure(server, kind, arguments.events, arguments.batch, arguments.targets)
                for kind in GOALS
            }
        finally:
            server.stop()
    write_rows(arguments.rows, table_rows(found))
    if arguments.json:
        print(json.dumps({kind: asdict(cost) for kind, cost in found.items()}, indent=1))
    else:
        for kind, cost in found.items():
            show(kind, cost)


if __name__ == "__main__":
    exit_on_sigterm()
    asyncio.run(main())
