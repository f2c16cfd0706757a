"""Processor time of an item with one process of a service, and with three on the same load.

    python -m benchmarks.instances [--seconds 5] [--connections 192] [--events 24000] [--rounds 2]

Collectors: the same number of connections, one request at a time on each, is dealt evenly to one process or to three,
as the gateway of compose.yaml does. Analyzers: the same messages, by key in 12 partitions, are delivered by one process
or by three, each with a third of the partitions, as a consumer group does. Counted are the processes of the service and
all of PostgreSQL. The goal is that three need at most 15 % more for an item than one. One and three run in turn; the
figures are the medians of all rounds.
"""

import argparse
import asyncio
import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import cycle
from pathlib import Path
from typing import NamedTuple

import psutil
import uvloop

from benchmarks import consume
from benchmarks.cpu import CpuMeter, family
from benchmarks.ingest import KEY, add_executions, database, serving
from benchmarks.ingest_load import Connection, requests
from benchmarks.rows import Row, add_rows_option, write_rows
from benchmarks.stages import StageMeter
from benchmarks.termination import exit_on_sigterm
from ratchet_local.postgres import Postgres
from shared.runtime.migrations import migrate
from shared.testing.bus import FakeRecord

SERVICES = ("collector", "analyzer")
COUNTS = (1, 3)
PARTITIONS = 12
TARGETS = 96
GOAL = 1.15
_BATCH = 1000


class Work(NamedTuple):
    """Processor microseconds of an item, in the processes of the service and in PostgreSQL; items a second."""

    process_us: float
    postgres_us: float
    per_second: float

    @property
    def total_us(self) -> float:
        return self.process_us + self.postgres_us


def measure_collectors(dsn: str, postmaster: int, count: int, connections: int, seconds: float) -> Work:
    """Return the work of an item with `count` collectors."""
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(serving("full", dsn)) for _ in range(count)]
        processes = [psutil.Process(pid) for _, pid in servers]
        postgres = psutil.Process(postmaster)
        return uvloop.run(_load([port for port, _ in servers], processes, postgres, connections, seconds))


async def _load(
    ports: Sequence[int],
    processes: Sequence[psutil.Process],
    postgres: psutil.Process,
    connections: int,
    seconds: float,
) -> Work:
    answered = Counter[bool]()

    def on_answer(_: float, ok: bool) -> None:
        answered[ok] += 1

    loop, source = asyncio.get_running_loop(), requests(KEY, 1)
    made = []
    for _, port in zip(range(connections), cycle(ports), strict=False):
        made.append((await loop.create_connection(lambda: Connection(source, on_answer), "127.0.0.1", port))[1])
    await asyncio.sleep(1)
    meters = CpuMeter(lambda: processes), CpuMeter(lambda: family(postgres))
    before, began = answered[True], time.perf_counter()
    await asyncio.sleep(seconds)
    items, elapsed = answered[True] - before, time.perf_counter() - began
    spent = [1e6 * meter.seconds / items for meter in meters]
    for connection in made:
        connection.stopped = True
    await asyncio.sleep(0.5)
    assert not answered[False], f"{answered[False]} refused"
    return Work(spent[0], spent[1], items / elapsed)


def partitioned(records: Sequence[FakeRecord], part: int, count: int) -> list[FakeRecord]:
    """Return the records of every `count`-th partition, with offsets as in Kafka."""
    offsets: Counter[int] = Counter()
    found = []
    for each in records:
        partition = zlib.crc32(each.key or b"") % PARTITIONS
        if partition % count == part:
            found.append(replace(each, partition=partition, offset=offsets[partition]))
        offsets[partition] += 1
    return found


def run_consumer(data: Path, part: int, count: int, events: int) -> None:
    """Deliver this part of the messages once a line is read from standard input; print the events and the time."""
    server = Postgres(data, data.with_name("unused.log"))
    records = partitioned(consume.messages("feedback", events, TARGETS), part, count)
    print("ready", flush=True)
    sys.stdin.readline()
    meter = StageMeter(psutil.Process())
    found = asyncio.run(consume.deliver(server, None, records, _BATCH, meter))
    print(json.dumps({"events": len(records), "cpu_us": found["cpu_us"]}), flush=True)


def measure_analyzers(count: int, events: int) -> Work:
    """Return the work of an event with `count` analyzers."""
    with tempfile.TemporaryDirectory(prefix="ratchet-bench-") as folder:
        server = Postgres(Path(folder) / "data", Path(folder) / "log")
        try:
            server.start()
            asyncio.run(migrate("analyzer", server.dsn().replace("postgresql:", "postgresql+asyncpg:", 1)))
            return _consume(server, count, events)
        finally:
            server.stop()


def _consume(server: Postgres, count: int, events: int) -> Work:
    command = [sys.executable, "-m", "benchmarks.instances", "--events", str(events), "--consume", str(server.data)]
    consumers = [
        subprocess.Popen([*command, str(part), str(count)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for part in range(count)
    ]
    try:
        return _measured(server, consumers, events)
    finally:
        for consumer in consumers:
            consumer.kill()
            consumer.wait()


def _measured(server: Postgres, consumers: Sequence["subprocess.Popen[str]"], events: int) -> Work:
    lines = [_lines(consumer) for consumer in consumers]
    for each in lines:
        assert next(each) == "ready\n"
    postgres, began = CpuMeter(lambda: family(consume.postmaster(server))), time.perf_counter()
    for consumer in consumers:
        print(file=consumer.stdin, flush=True)
    found = [json.loads(next(each)) for each in lines]
    elapsed, postgres_s = time.perf_counter() - began, postgres.seconds
    assert [consumer.wait(60) for consumer in consumers] == [0] * len(consumers)
    total = sum(each["events"] for each in found)
    assert total == events, f"{total} of {events} events"
    return Work(
        sum(each["cpu_us"] * each["events"] for each in found) / total, 1e6 * postgres_s / total, total / elapsed
    )


def _lines(process: "subprocess.Popen[str]") -> Iterator[str]:
    assert process.stdout is not None
    return iter(process.stdout.readline, "")


def shown(service: str, count: int, work: Work) -> Work:
    """Print a measurement and return it."""
    name = f"{count} {service}{'s' * (count > 1)}"
    print(
        f"{name:14}{work.process_us:7.1f} + {work.postgres_us:6.1f} µs an item, {work.per_second:8,.0f}/s", flush=True
    )
    return work


def median(found: Sequence[Work]) -> Work:
    """Return the median of each figure."""
    return Work(*(statistics.median(each) for each in zip(*found, strict=True)))


def compare(options: argparse.Namespace) -> dict[str, dict[int, Work]]:
    """Measure both services with one process and with three, in turn."""
    found: dict[str, dict[int, list[Work]]] = {service: {count: [] for count in COUNTS} for service in options.services}
    for service in options.services:
        {"collector": compare_collectors, "analyzer": compare_analyzers}[service](options, found[service])
    return {service: {count: median(each) for count, each in counts.items()} for service, counts in found.items()}


def compare_collectors(options: argparse.Namespace, found: dict[int, list[Work]]) -> None:
    """Measure collectors, one and three in turn."""
    with database() as (dsn, postmaster):
        with serving("full", dsn) as (port, _):
            add_executions(port)
        for number in range(options.rounds):
            for count in COUNTS if number % 2 == 0 else reversed(COUNTS):
                work = measure_collectors(dsn, postmaster, count, options.connections, options.seconds)
                found[count].append(shown("collector", count, work))


def compare_analyzers(options: argparse.Namespace, found: dict[int, list[Work]]) -> None:
    """Measure analyzers, one and three in turn."""
    for number in range(options.rounds):
        for count in COUNTS if number % 2 == 0 else reversed(COUNTS):
            found[count].append(shown("analyzer", count, measure_analyzers(count, options.events)))


def table_rows(found: dict[str, dict[int, Work]]) -> list[Row]:
    """Return rows that compare the work of an item with three processes and with one."""
    return [
        Row(f"instances: CPU of an item, three {service}s", "µs", counts[3].total_us, "low", counts[1].total_us,
            "one process", ratio_limit=GOAL, item="item", process_s=counts[3].process_us / 1e6,
            postgres_s=counts[3].postgres_us / 1e6)
        for service, counts in found.items()
    ]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--connections", type=int, default=192, help="of all collectors together")
    parser.add_argument("--events", type=int, default=24_000)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--services", nargs="+", choices=SERVICES, default=list(SERVICES))
    parser.add_argument("--consume", nargs=3, metavar=("DATA", "PART", "COUNT"), help=argparse.SUPPRESS)
    add_rows_option(parser)
    options = parser.parse_args()
    if options.consume:
        data, part, count = options.consume
        run_consumer(Path(data), int(part), int(count), options.events)
        return
    found = compare(options)
    for service, counts in found.items():
        print(f"three {service}s compared with one: {counts[3].total_us / counts[1].total_us:.2f}, goal at most {GOAL}")
    write_rows(options.rows, table_rows(found))


if __name__ == "__main__":
    exit_on_sigterm()
    main()
