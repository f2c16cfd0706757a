"""Processor time of a single post, step by step: where the collector's microseconds go.

`python -m benchmarks.ingest_steps [--rounds 150] [--connections 64]` answers the same requests by servers in one
process, without sockets, in turn. Each does one step more than the one before it:

    echo        a bare uvicorn application that returns the body
    http        reads the request, checks the key and its quota, queues a ready-made item and responds
    parse       parses and checks the body, hashes it and its user, scrubs its text, encodes its event
    plan        deduplicates the group, joins executions, packs its events; stored rows come from memory
    postgresql  reads and writes the group: the collector as it is

Printed are the tenth percentile of all rounds, which holds on a busy machine if all steps are compared in one run, and
the bytecode instructions that Python executes for an item, which are the same on every run.
"""

import argparse
import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any, NamedTuple

import asyncpg
import uvicorn
import uvloop
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from benchmarks.ingest import KEY, add_executions, database, serving
from benchmarks.ingest_load import requests
from benchmarks.ingest_servers import echo
from benchmarks.python_instructions import count_instructions
from benchmarks.rows import INSTRUCTIONS_UNIT, Row, add_rows_option, write_rows
from benchmarks.termination import exit_on_sigterm
from collector.api.fast_path import fast_path
from collector.api.ingest import IngestEndpoint
from collector.app import Parts
from collector.domain.model import IngestItem, ItemStatus
from collector.domain.validation import parse_object
from collector.ingest import service as ingest_service
from collector.ingest.group_commit import BatchWriter, GroupCommitter, Write
from collector.ingest.service import IngestService
from collector.settings import CollectorSettings
from shared.auth import keys
from shared.runtime.clock import SystemClock
from shared.runtime.garbage import tune_garbage_collection
from shared.web.connection_limits import ConnectionLimits, guard_connections

COUNTED_ROUNDS = 4
_FOREVER_S = 1_000_000
"""Of keep-alive, and of keys in the cache: a key that is looked up again goes the general way."""


class Step(NamedTuple):
    """What one step and all before it cost an item: microseconds of CPU, and Python's instructions by module."""

    name: str
    cpu_us: float
    instructions: Counter[str]


class Transport:
    """A connection without a socket."""

    def __init__(self, on_written: Callable[[bytes], None]) -> None:
        self.write = on_written

    def is_closing(self) -> bool:
        return False

    def get_extra_info(self, name: str, default: object = None) -> object:
        return default

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


class Connections:
    """Connections to one server. A round is a request on each."""

    def __init__(self, protocol: type[HttpToolsProtocol], app: Any, count: int, expected: bytes) -> None:
        """`expected` is contained in each response."""
        self._expected, self._all_as_expected = expected, True
        config = uvicorn.Config(
            app, log_level="warning", access_log=False, http=protocol, timeout_keep_alive=_FOREVER_S
        )
        config.load()
        state = ServerState()
        state.default_headers = [(b"date", b"Mon, 30 Nov 2026 12:00:00 GMT"), (b"server", b"uvicorn")]
        self._open = [protocol(config, state, {}, asyncio.get_running_loop()) for _ in range(count)]
        for connection in self._open:
            connection.connection_made(Transport(self._on_written))  # type: ignore[arg-type]

    def _on_written(self, data: bytes) -> None:
        if not data.startswith(b"HTTP/1.1 "):
            return  # uvicorn writes the body of an ASGI application by itself
        self._all_as_expected &= self._expected in data
        self._waiting -= 1
        if not self._waiting:
            self._done.set()

    async def exchange(self, round_of_requests: Sequence[bytes]) -> float:
        """Send a request on each connection, and wait for all responses; return the process's CPU seconds."""
        self._waiting, self._done = len(round_of_requests), asyncio.Event()
        before = time.process_time()
        for connection, request in zip(self._open, round_of_requests, strict=True):
            connection.data_received(request)
        await self._done.wait()
        if not self._all_as_expected:
            raise RuntimeError("a request was refused, or took the general way")
        return time.process_time() - before


class StoredRows:
    """Replaces PostgreSQL: knows executions, and writes nothing."""

    def __init__(self, executions: dict[bytes, tuple[str, bytes]]) -> None:
        self._executions = executions

    async def fetch(self, _: str, *values: bytes) -> list[tuple[Any, ...]]:
        keys = values[-1]  # packed references of executions
        found = {key for key in (keys[at : at + 16] for at in range(0, len(keys), 16)) if key in self._executions}
        return [(3, key, None, None, *self._executions[key]) for key in found]

    async def execute(self, _: str, *values: object) -> str:
        return "SELECT 1"

    @contextlib.asynccontextmanager
    async def session(self) -> AsyncIterator["StoredRows"]:
        yield self


async def _accept(items: Sequence[IngestItem]) -> list[ItemStatus]:
    return ["accepted"] * len(items)


@contextlib.contextmanager
def ready_made(item: IngestItem | None) -> Iterator[None]:
    """Let the service get `item` instead of parsing; None lets it parse."""
    if item is not None:
        ingest_service.parse_object = lambda *_: item  # type: ignore[attr-defined]
    try:
        yield
    finally:
        ingest_service.parse_object = parse_object  # type: ignore[attr-defined]


class Steps:
    """The servers of all steps in one process."""

    def __init__(self, parts: Parts, stored: StoredRows, count: int) -> None:
        self._parts = parts
        self._count = count
        self._echo = echo(parts)
        plan = BatchWriter(stored, parts.settings.relay_shards, lambda: None, parts.subjects)  # type: ignore[arg-type]
        self._committers: list[GroupCommitter[IngestItem, ItemStatus]] = [parts.committer]
        self.servers = {
            "echo": Connections(HttpToolsProtocol, self._echo, count, b"HTTP/1.1 200 "),
            "http": self._serve(_accept),
            "parse": self._serve(_accept),
            "plan": self._serve(plan.write),
            "postgresql": self._connect(parts.service),
        }

    def _serve(self, write: Write[IngestItem, ItemStatus]) -> Connections:
        committer = GroupCommitter[IngestItem, ItemStatus](write)
        self._committers.append(committer)
        return self._connect(IngestService(committer, self._parts.pseudonym_key, SystemClock()))

    def _connect(self, service: IngestService) -> Connections:
        platform = self._parts.platform
        endpoint = IngestEndpoint(service, platform.keys, self._parts.settings, platform.limiter)
        return Connections(
            guard_connections(fast_path(endpoint), ConnectionLimits()), self._echo, self._count, b'"status":"accepted"'
        )

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Write groups until the block ends."""
        tasks = [asyncio.create_task(committer.run()) for committer in self._committers]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def measure(dsn: str, rounds: int, count: int) -> list[Step]:
    """Return the steps after `rounds` rounds of `count` requests for each, in turn."""
    settings = CollectorSettings(database_url=dsn, kafka_bootstrap="127.0.0.1:1", rate_limit_key=100_000_000)
    parts = Parts.build(settings, SystemClock())
    setattr(keys, "_FRESH_S", _FOREVER_S)  # noqa: B010
    steps = Steps(parts, StoredRows(await _stored_executions(dsn)), count)
    source = requests(KEY, 1)
    item = await _parsed(parts, next(source))
    times: dict[str, list[float]] = {name: [] for name in steps.servers}
    instructions: dict[str, Counter[str]] = {name: Counter() for name in steps.servers}
    async with steps.running():
        tune_garbage_collection()
        for number in range(rounds):
            for name, server in steps.servers.items():
                batch = [next(source) for _ in range(count)]
                with ready_made(item if name == "http" else None):
                    if number < rounds - COUNTED_ROUNDS:
                        times[name].append(await server.exchange(batch))
                    else:
                        with count_instructions() as counted:
                            await server.exchange(batch)
                        instructions[name].update(counted)
    await parts.platform.engine.dispose()
    cpu = {name: 1e6 * sorted(found)[len(found) // 10] / count for name, found in times.items()}
    return [Step(name, cpu[name], instructions[name]) for name in steps.servers]


async def _stored_executions(dsn: str) -> dict[bytes, tuple[str, bytes]]:
    pg = await asyncpg.connect(dsn)
    rows = await pg.fetch("SELECT reference, target, facts FROM collector.executions")
    await pg.close()
    return {row["reference"]: (row["target"], row["facts"]) for row in rows}


async def _parsed(parts: Parts, request: bytes) -> IngestItem:
    principal = await parts.platform.keys.authenticate(f"Bearer {KEY}")
    context = await parts.service.request_context(principal, None, None)
    return parse_object("feedback", request.partition(b"\r\n\r\n")[2], context)


def lines(steps: Sequence[Step], items: int) -> Iterator[str]:
    """Yield a line for each step, and one for each module of the whole collector that counts 1 % or more."""
    echo_us, before = steps[0].cpu_us, 0.0
    for step in steps:
        counted = step.instructions.total() / items
        yield (
            f"{step.name:12} {step.cpu_us:7.1f} µs  {step.cpu_us - before:+7.1f}  {step.cpu_us / echo_us:5.2f} × echo"
            f"  {counted:6,.0f} instructions"
        )
        before = step.cpu_us
    whole = steps[-1].instructions
    yield "instructions by module:"
    for module, count in whole.most_common():
        if count > whole.total() / 100:
            yield f"    {module:44} {count / items:6.0f}"


def table_rows(steps: Sequence[Step], items: int) -> list[Row]:
    """Return two rows a step: its processor time with the echo's, and its instructions."""
    rows = []
    for step in steps[1:]:
        work = f"intake up to {step.name}"
        seconds = step.cpu_us / 1e6
        rows.append(
            Row(
                f"{work}, no sockets",
                "µs/item",
                step.cpu_us,
                "low",
                steps[0].cpu_us,
                "echo",
                item="item",
                process_s=seconds,
            )
        )
        rows.append(Row(f"{work}, Python", INSTRUCTIONS_UNIT, step.instructions.total() / items, "low"))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=150)
    parser.add_argument("--connections", type=int, default=64)
    add_rows_option(parser)
    chosen = parser.parse_args()
    with database() as (dsn, _):
        with serving("full", dsn) as (port, _):
            add_executions(port)
        steps = uvloop.run(measure(dsn, chosen.rounds, chosen.connections))
    items = COUNTED_ROUNDS * chosen.connections
    print(*lines(steps, items), sep="\n")
    write_rows(chosen.rows, table_rows(steps, items))


if __name__ == "__main__":
    exit_on_sigterm()
    main()
