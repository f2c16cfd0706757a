"""Feedback and traces logged to Ratchet, MLflow and Arize Phoenix, and the client calls of these and Langfuse.

    python -m benchmarks.peers [--seconds 5] [--connections 16] [--calls 400] [--peers mlflow phoenix langfuse]

One durable PostgreSQL (fsync on) serves all, each product has a database of its own and one server process, and they
run one after the other in one run. Peers are installed below `.cache/peers` at the first run (about 1.3 GB); one that
cannot be installed or started is skipped, with the reason.

What is compared: one comment of 200 characters about one of 1,000 known traces a request, answered after its commit
(Phoenix with `sync=true`), and one trace with two texts of 500 characters a request. What each does for it:

* Ratchet: API key, field checks, scrubbing of personal data, hashed user, Idempotency-Key (a repeat has no second
  effect), replacement of the user's former comment, join with the execution, message for the bus in the same
  transaction. A trace is an execution by JSON.
* MLflow: checks the trace and stores a row; no authentication, no idempotency. A trace comes by OTLP, stored before the
  answer.
* Phoenix: checks the span and stores a row, which replaces one of the same identifier; no authentication. A trace comes
  by OTLP and is **not** stored yet when it is answered: it waits in memory.

The clients' calls give a trace a thumb. Ratchet's and Langfuse's return at once and send in the background, to a server
that accepts everything; MLflow's and Phoenix's return after the server's answer.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import uvloop

from benchmarks.ingest import KEY, add_executions, database
from benchmarks.ingest import serving as serving_ratchet
from benchmarks.ingest_cost import Meter
from benchmarks.ingest_load import Figure, measure_requests
from benchmarks.peers import load
from benchmarks.peers.installation import LANGFUSE, MLFLOW, PHOENIX, Peer, install
from benchmarks.peers.servers import serving
from benchmarks.rows import Row, add_rows_option, write_rows
from benchmarks.sdk import measure_feedback, sink
from benchmarks.termination import exit_on_sigterm

PEERS = {peer.name: peer for peer in (MLFLOW, PHOENIX, LANGFUSE)}
CLIENT_CALLS = Path(__file__).with_name("client_calls.py")
_CALL_S = 600

Source = Iterator[bytes]
Measure = Callable[[str, Source, int], Figure]


class Call(NamedTuple):
    """Microseconds of a client's call: processor time of the thread that calls, wall time, the whole process."""

    thread: float
    wall: float
    process: float


class Results(NamedTuple):
    """Figures by product and load, client calls by product, and why a peer is missing."""

    loads: dict[tuple[str, str], Figure]
    calls: dict[str, Call]
    skipped: dict[str, str]


def run_client(peer: Peer, command: str, *words: str) -> str:
    """Run `client_calls` in the peer's environment and return what it prints."""
    done = subprocess.run(
        [peer.program("python"), str(CLIENT_CALLS), command, peer.name, *words],
        check=True, capture_output=True, text=True, timeout=_CALL_S,
    )  # fmt: skip
    return done.stdout


def measure_server(peer: Peer, dsn: str, postmaster: int, options: argparse.Namespace, results: Results) -> None:
    """Load a peer's server, and measure its client's call to it."""
    with serving(peer, dsn) as (url, port, process), tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "seed.json"
        run_client(peer, "seed", url, str(file))
        seed: dict[str, Any] = json.loads(file.read_text())
        measure = _measurer(port, process, postmaster, dsn, options)
        ids, trace_id = seed["ids"], bytes.fromhex(seed["trace_id"])
        feedback = load.mlflow_feedback(ids) if peer is MLFLOW else load.phoenix_feedback(ids)
        results.loads[peer.name, "feedback"] = measure("feedback", feedback, 1)
        results.calls[peer.name] = _call(peer, url, options.calls // 4, str(file))
        traces = load.otlp_traces(bytes.fromhex(seed["otlp"]), trace_id)
        results.loads[peer.name, "traces"] = measure("traces", traces, 1)
        if peer is PHOENIX:
            results.loads[peer.name, "arrays of 100"] = measure("arrays", load.phoenix_feedback(ids, 100), 100)


def measure_ratchet(dsn: str, postmaster: int, options: argparse.Namespace, results: Results) -> None:
    """Load one collector process with the same content."""
    with serving_ratchet("full", dsn) as (port, process):
        add_executions(port)
        measure = _measurer(port, process, postmaster, dsn, options)
        for name, source, size in (
            ("feedback", load.ratchet_feedback(KEY), 1),
            ("arrays of 100", load.ratchet_feedback(KEY, 100), 100),
            ("traces", load.ratchet_executions(KEY), 1),
        ):
            results.loads["ratchet", name] = measure(name, source, size)


def _measurer(port: int, process: int, postmaster: int, dsn: str, options: argparse.Namespace) -> Measure:
    meter = Meter(process, postmaster, dsn)

    def measure(name: str, source: Source, size: int) -> Figure:
        figure = uvloop.run(measure_requests(port, source, options.connections, size, options.seconds, meter))
        if figure.refused:
            raise RuntimeError(f"{name}: {figure.refused} requests were refused")
        print(load_line(name, figure), flush=True)
        return figure

    return measure


def _call(peer: Peer, url: str, calls: int, *words: str) -> Call:
    return Call(**json.loads(run_client(peer, "call", url, str(calls), *words).splitlines()[-1]))


def compare(options: argparse.Namespace) -> Results:
    """Measure all that can be installed and started."""
    results = Results({}, {}, {})
    with database() as (dsn, postmaster):
        measure_ratchet(dsn, postmaster, options, results)
        for name in options.peers:
            reason = install(PEERS[name])
            try:
                if reason is None and name != LANGFUSE.name:
                    measure_server(PEERS[name], dsn, postmaster, options, results)
            except (RuntimeError, OSError, subprocess.SubprocessError) as error:
                reason = f"{type(error).__name__}: {error}"
            if reason is not None:
                results.skipped[name] = reason
    with sink() as url:
        results.calls["ratchet"] = Call(*measure_feedback(url, options.calls))
        if LANGFUSE.name in options.peers and LANGFUSE.name not in results.skipped:
            results.calls[LANGFUSE.name] = _call(LANGFUSE, url, options.calls)
    return results


def table_rows(results: Results) -> list[Row]:
    """Return Ratchet's figures, each with those of one peer."""
    rows = []
    for (name, kind), theirs in results.loads.items():
        ours, peer = results.loads["ratchet", kind], f"{name} {PEERS[name].version}" if name in PEERS else ""
        if not peer:
            continue
        cost, work = ours.cost, f"peers: {kind}, {name}"
        rows += [
            Row(f"{work}, rate", "items/s", ours.per_second, "high", theirs.per_second, peer, item="item",
                process_s=cost.server_us / 1e6, postgres_s=cost.postgres_us / 1e6),
            Row(f"{work}, CPU of server and PostgreSQL", "µs", cost.server_us + cost.postgres_us, "low",
                theirs.cost.server_us + theirs.cost.postgres_us, peer),
        ]  # fmt: skip
    ours_call = results.calls["ratchet"]
    rows += [
        Row(f"peers: client's call for a thumb, CPU of the app's thread, {name}", "µs", ours_call.thread, "low",
            call.thread, f"{name} {PEERS[name].version}", item="call", process_s=ours_call.process / 1e6)
        for name, call in results.calls.items() if name in PEERS
    ]  # fmt: skip
    return rows


def load_line(name: str, figure: Figure) -> str:
    """Return the figures of a load on one line."""
    server, postgres, wal = figure.cost
    return (
        f"{name:24}{figure.per_second:9,.0f}/s  p50 {figure.p50:6.1f}  p99 {figure.p99:6.1f} ms  "
        f"CPU {server:7.0f} + {postgres:6.0f} µs  WAL {wal:7,.0f} bytes"
    )


def describe(results: Results) -> Iterator[str]:
    """Yield a line for each load, call and peer that is missing."""
    for (name, kind), figure in results.loads.items():
        yield load_line(f"{name:9}{kind}", figure)
    for name, call in results.calls.items():
        yield f"{name:9}client's call: {call.thread:7.1f} µs CPU in its thread, {call.process:7.1f} in the process, " \
              f"{call.wall:9.1f} µs until it returns"  # fmt: skip
    for name, reason in results.skipped.items():
        yield f"{name} is skipped: {reason}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5, help="of each load")
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--calls", type=int, default=2_000, help="of each client that does not wait; others a fourth")
    parser.add_argument("--peers", nargs="+", choices=PEERS, default=list(PEERS))
    add_rows_option(parser)
    options = parser.parse_args()
    results = compare(options)
    print(*describe(results), sep="\n")
    write_rows(options.rows, table_rows(results))
    if not results.loads:
        sys.exit(1)


if __name__ == "__main__":
    exit_on_sigterm()
    main()
