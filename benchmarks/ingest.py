"""Acknowledged-durable feedback per second, of one collector process, compared with its peers.

`python -m benchmarks.ingest [--seconds 3] [--json FILE]` starts a durable PostgreSQL (fsync on) and, one after the
other, five servers; each is asked by 1, 16 and 64 keep-alive connections from another process, one request at a
time on each connection. Comments have 200 characters, and each is about one of 1,000 known executions. Printed
with the rates are the CPU microseconds per item of the server process and of PostgreSQL, and the bytes of WAL per
item: they hold on a busy machine, too.

    full   the collector as it is: strict JSON, API key, field checks, scrub, hashed users, Idempotency-Key, join
    slow   the same, but every request goes through ASGI
    echo   a bare uvicorn application that reads the body and returns it: the limit of this way to serve HTTP
    bare   the same route and the same group commit without checks: any JSON, no key, no scrub, no claims
    each   the collector as it is, but a transaction for each request (16 connections to PostgreSQL)

The relay to Kafka does not run: what it costs is measured where whole services run.
"""

import argparse
import asyncio
import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path

import asyncpg
import httpx
import uvloop

from benchmarks.ingest_cost import Meter
from benchmarks.ingest_load import Figure, measure
from benchmarks.ingest_servers import MODES, serve
from benchmarks.rows import Row, add_rows_option, write_rows
from benchmarks.termination import exit_on_sigterm
from ratchet_local.ports import free_port
from ratchet_local.postgres import SMALL, Postgres
from shared.runtime.migrations import migrate_now

SERVER = {**SMALL, "shared_buffers": "512MB", "max_wal_size": "4GB", "fsync": "on", "synchronous_commit": "on"}
"""PostgreSQL as on a dedicated server: every commit is flushed to disk, and checkpoints are rare."""

CONNECTIONS = (1, 16, 64)
SIZES = {"singles": 1, "arrays of 100": 100}
SECRET = "s" * 43
KEY = f"rk_bench_{SECRET}"


@contextlib.contextmanager
def database() -> Iterator[tuple[str, int]]:
    """Yield the DSN of a migrated durable database, and the process id of its server."""
    with tempfile.TemporaryDirectory(prefix="ratchet-bench-") as folder:
        server = Postgres(Path(folder) / "data", Path(folder) / "log", SERVER)
        try:
            server.start()
            dsn = server.dsn()
            migrate_now("collector", dsn.replace("postgresql:", "postgresql+asyncpg:"))
            asyncio.run(_add_key(dsn))
            yield dsn, int((server.data / "postmaster.pid").read_text().split("\n")[0])
        finally:
            server.stop()


async def _add_key(dsn: str) -> None:
    pg = await asyncpg.connect(dsn)
    await pg.execute(
        """INSERT INTO collector.api_keys (key_id, revision, secret_hash, subject, subject_kind, project, environment,
             scopes, revoked) VALUES ('bench', 1, $1, 'app', 'service', 'shop', 'production', '{ingest}', false)""",
        sha256(SECRET.encode()).hexdigest(),
    )
    await pg.close()


@contextlib.contextmanager
def serving(mode: str, dsn: str, settings: Mapping[str, str] | None = None) -> Iterator[tuple[int, int]]:
    """Yield the port of a server in its own process, and the process's id. `settings`: environment variables."""
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.ingest", "--serve", mode, "--dsn", dsn, "--port", str(port)]
    process = subprocess.Popen(command, env={**os.environ, **(settings or {})})
    try:
        until = time.monotonic() + 120  # a busy machine
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            if time.monotonic() > until:
                raise TimeoutError(mode)
            time.sleep(0.05)
        yield port, process.pid
    finally:
        process.terminate()
        process.wait(10)


def add_executions(port: int) -> None:
    """Add the thousand executions that the feedback refers to."""
    items = [
        {"id": f"e{number}", "target": f"target-{number % 8}", "prompts": [{"name": "answer", "version": "7"}],
         "model": "m", "input": "How long may I send an item back, and who pays?", "output": "Thirty days. We do."}
        for number in range(1000)
    ]  # fmt: skip
    answer = httpx.post(
        f"http://127.0.0.1:{port}/v1/executions", json=items, headers={"Authorization": f"Bearer {KEY}"}, timeout=30
    )
    answer.raise_for_status()


def compare(seconds: float, modes: list[str], connections: list[int], sizes: list[str]) -> dict[str, Figure]:
    """Run every load on every server; print a line for each."""
    figures = {}
    with database() as (dsn, postmaster):
        with serving("full", dsn) as (port, _):
            add_executions(port)
        for mode in modes:
            with serving(mode, dsn) as (port, process):
                meter = Meter(process, postmaster, dsn)
                for kind in sizes:
                    for count in connections:
                        name = f"{mode}, {kind}, {count} connections"
                        figure = uvloop.run(measure(port, KEY, count, SIZES[kind], seconds, meter))
                        figures[name] = figure
                        print(line(name, figure), flush=True)
    return figures


def line(name: str, figure: Figure) -> str:
    """Return a load's figures as one line."""
    server, postgres, wal = figure.cost
    return (
        f"{name:38} {figure.per_second:8,.0f}/s  p50 {figure.p50:6.2f}  p99 {figure.p99:7.2f} ms  "
        f"CPU {server:5.1f} + {postgres:5.1f} µs  WAL {wal:6,.0f}  refused {figure.refused}"
    )


def ratios(figures: dict[str, Figure]) -> list[str]:
    """Compare the collector with each of the others, under the same load in the same run."""
    lines = []
    for name, figure in figures.items():
        mode, _, under = name.partition(", ")
        peers = {peer: figures.get(f"{peer}, {under}") for peer in MODES if peer != mode}
        if mode == "full" and any(peers.values()):
            text = "  ".join(f"{figure.per_second / peer.per_second:5.2f} × {to}" for to, peer in peers.items() if peer)
            lines.append(f"{under:36} {text}")
    return lines


_LIMITS = {"singles": 15_000.0, "arrays of 100": 40_000.0}
_OF_ECHO = 0.75
_LATENCY_MS = {1: ("p50", 1.0), 64: ("p99", 20.0)}


def table_rows(figures: dict[str, Figure]) -> list[Row]:
    """Return the collector's rates divided by the echo's, and the delays that have a limit."""
    rows = []
    for kind, limit in _LIMITS.items():
        for count in CONNECTIONS:
            under = f"{kind}, {count} connections"
            ours, echo = figures.get(f"full, {under}"), figures.get(f"echo, {under}")
            if ours is None:
                continue
            most = count == max(CONNECTIONS)
            rows.append(
                Row(
                    f"intake: {under}",
                    "items/s",
                    ours.per_second,
                    "high",
                    echo.per_second if echo else None,
                    "echo",
                    limit=limit if most else None,
                    ratio_limit=_OF_ECHO if most and kind == "singles" else None,
                    item="item",
                    process_s=ours.cost.server_us / 1e6,
                    postgres_s=ours.cost.postgres_us / 1e6,
                )
            )
            if kind == "singles" and count in _LATENCY_MS:
                quantile, most_ms = _LATENCY_MS[count]
                delay = ours.p50 if quantile == "p50" else ours.p99
                rows.append(Row(f"intake: {under}, {quantile}", "ms", delay, "low", limit=most_ms))
    return rows  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--modes", nargs="+", choices=MODES, default=list(MODES))
    parser.add_argument("--connections", nargs="+", type=int, default=list(CONNECTIONS))
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=list(SIZES))
    parser.add_argument("--json", type=Path, help="where the figures are written")
    parser.add_argument("--serve", choices=MODES, help=argparse.SUPPRESS)
    parser.add_argument("--dsn", help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    add_rows_option(parser)
    chosen = parser.parse_args()
    if chosen.serve:
        serve(chosen.serve, chosen.dsn, chosen.port)
        return
    figures = compare(chosen.seconds, chosen.modes, chosen.connections, chosen.sizes)
    print("", *ratios(figures), sep="\n")
    write_rows(chosen.rows, table_rows(figures))
    if chosen.json:
        chosen.json.write_text(json.dumps({name: asdict(figure) for name, figure in figures.items()}, indent=2))


if __name__ == "__main__":
    exit_on_sigterm()
    main()
