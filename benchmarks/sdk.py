"""What the SDK costs an app: processor time of `record` and `feedback`, memory, and bytes sent.

    python -m benchmarks.sdk [--pairs 20000] [--calls 1000000]

A pair is one `record` with texts of 600 characters, usage, cost, latency and attributes, and one `feedback` on it; a
server in another process answers for all of them. The pairs alternate, 100 at a time, with the least that a client must
do which sends in the background: two ids, two times, `json.dumps` and `queue.put`. Figures are the processor time of
the app's thread (its median), and of the whole process per pair, with everything that happens in the background.

An observed function returns at once; its figure is that of all that `client.observe` does for one call.

For the memory the server does not respond: 10 % of the calls are made, then the rest, and the size of the process is
read after each.
"""

import argparse
import contextlib
import json
import queue
import statistics
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import cycle, islice
from typing import Any

import httpx
import psutil

from benchmarks.ingest_load import comments
from benchmarks.rows import Row, add_rows_option, write_rows
from benchmarks.sdk_sink import run_sink
from benchmarks.termination import exit_on_sigterm
from ratchet import Ratchet
from ratchet.client import PromptLabel
from ratchet_local.ports import free_port

TEXTS = [" ".join(three) for three in zip(*[iter(comments(7))] * 3, strict=False)]
"""Texts of 600 characters."""
INPUTS: dict[str, Sequence[object]] = {
    "texts": TEXTS,
    "messages": [[{"role": "system", "content": TEXTS[0]}, {"role": "user", "content": text}] for text in TEXTS],
}
FIELDS: dict[str, Any] = {
    "model": "gpt-5",
    "output": TEXTS[1],
    "usage": {"input_tokens": 300, "output_tokens": 120},
    "cost": 0.0021,
    "latency_ms": 812.5,
    "attributes": {"route": "search", "language": "en"},
    "user": "u17",
}
PROMPTS: list[PromptLabel] = [{"name": "answer", "version": "v7"}]
CHUNK = 100
LIMIT_US = 20.0

Pair = Callable[[object], object]


@dataclass(frozen=True, slots=True)
class CallCost:
    """Processor microseconds of a pair of calls: in the app's thread, in the whole process, and of the peer."""

    app_us: float
    process_us: float
    least_us: float


@dataclass(frozen=True, slots=True)
class Memory:
    """Megabytes of the process before the calls, after a tenth of them, and after all; calls that were dropped."""

    before: float
    full: float
    after: float
    dropped: int


def pair_of(client: Ratchet) -> Pair:
    """Return a function that makes one pair of calls with this input."""

    def pair(given: object) -> None:
        execution = client.record("chat", prompts=PROMPTS, input=given, **FIELDS)
        client.feedback(execution, kind="thumb", value=True, user="u17")

    return pair


def least(waiting: "queue.Queue[str]") -> Pair:
    """Return the least that a client must do for a pair in the app's thread, if it writes JSON there."""

    def pair(given: object) -> None:
        execution, now = str(uuid.uuid4()), datetime.now(UTC).isoformat()
        body = {"id": execution, "target": "chat", "prompts": PROMPTS, "input": given, **FIELDS, "occurred_at": now}
        waiting.put(json.dumps(body))
        made_id, now = str(uuid.uuid4()), datetime.now(UTC).isoformat()
        about = {"id": made_id, "execution_id": execution, "kind": "thumb", "value": True, "user": "u17"}
        waiting.put(json.dumps({**about, "occurred_at": now}))

    return pair


def timed(pair: Pair, inputs: Iterator[object]) -> float:
    """Return the processor microseconds of this thread for a pair."""
    chosen = list(islice(inputs, CHUNK))
    before = time.thread_time()
    for given in chosen:
        pair(given)
    return 1e6 * (time.thread_time() - before) / CHUNK


@contextlib.contextmanager
def sink() -> Iterator[str]:
    """Yield the URL of a server in another process that accepts everything."""
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.sdk", "--serve", str(port)])
    try:
        until = time.monotonic() + 120  # a busy machine
        while True:
            with contextlib.suppress(httpx.TransportError):
                httpx.get(f"http://127.0.0.1:{port}/")
                break
            if time.monotonic() > until:
                raise TimeoutError("the sink did not start")
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


def measure_calls(url: str, pairs: int) -> tuple[dict[str, CallCost], dict[str, int]]:
    """Return the cost of a pair by kind of input, and the bytes that the server received."""
    with Ratchet(url, "rk_bench_s") as client:
        ours = pair_of(client)
        timed(ours, iter(TEXTS))  # starts the thread
        costs = {kind: _cost(client, ours, cycle(given), pairs) for kind, given in INPUTS.items()}
    received: dict[str, int] = httpx.get(f"{url}/").json()
    return costs, received


def _cost(client: Ratchet, ours: Pair, inputs: Iterator[object], pairs: int) -> CallCost:
    waiting: queue.Queue[str] = queue.Queue()
    bare = least(waiting)
    app: list[float] = []
    peer: list[float] = []
    spent = time.process_time()
    for _ in range(pairs // CHUNK):
        app.append(timed(ours, inputs))
        peer.append(timed(bare, inputs))
        while not waiting.empty():
            waiting.get()
        if client.counters.accepted - client.counters.sent > 4_000:
            client.flush(60)
    client.flush(60)
    others = sum(peer) * CHUNK / 1e6
    assert client.counters.dropped == client.counters.refused == 0, client.counters
    process = 1e6 * (time.process_time() - spent - others) / (len(app) * CHUNK)
    return CallCost(statistics.median(app), process, statistics.median(peer))


def measure_feedback(url: str, calls: int) -> tuple[float, float, float]:
    """Return the microseconds of a `feedback`: of this thread and of the clock (medians), and of the process."""
    thread: list[float] = []
    wall: list[float] = []
    with Ratchet(url, "rk_bench_s") as client:
        client.feedback("e", kind="thumb", value=True, user="u17")
        client.flush(60)
        spent = time.process_time()
        for _ in range(calls // CHUNK):
            before, began = time.thread_time(), time.perf_counter()
            for _ in range(CHUNK):
                client.feedback("e", kind="thumb", value=True, user="u17")
            wall.append(1e6 * (time.perf_counter() - began) / CHUNK)
            thread.append(1e6 * (time.thread_time() - before) / CHUNK)
        client.flush(60)
        process = 1e6 * (time.process_time() - spent) / (len(thread) * CHUNK)
        assert client.counters.dropped == client.counters.refused == 0, client.counters
    return statistics.median(thread), statistics.median(wall), process


def measure_observed(url: str, calls: int) -> tuple[float, float]:
    """Return the microseconds of this thread (medians): of an observed function, and of a `record` of the same."""
    inputs = cycle(TEXTS)
    fields = {name: value for name, value in FIELDS.items() if name != "output"}
    observed: list[float] = []
    recorded: list[float] = []
    with Ratchet(url, "rk_bench_s") as client:

        @client.observe("chat", prompts=PROMPTS, **fields)
        def answer(question: object) -> str:
            return TEXTS[1]

        timed(answer, inputs)
        for _ in range(calls // CHUNK):
            observed.append(timed(answer, inputs))
            recorded.append(timed(lambda given: client.record("chat", prompts=PROMPTS, input=given, **FIELDS), inputs))
            if client.counters.accepted - client.counters.sent > 4_000:
                client.flush(60)
        client.flush(60)
        assert client.counters.dropped == client.counters.refused == 0, client.counters
    return statistics.median(observed), statistics.median(recorded)


def measure_memory(calls: int) -> Memory:
    """Return the memory while the server does not respond."""
    process = psutil.Process()
    client = Ratchet(f"http://127.0.0.1:{free_port()}", "rk_bench_s")
    pair = pair_of(client)
    before = process.memory_info().rss / 1e6
    sizes = []
    for share in (calls // 10, calls - calls // 10):
        for _ in range(share // 2):
            pair(TEXTS[0])
        sizes.append(process.memory_info().rss / 1e6)
    dropped = client.counters.dropped
    client.close(0.0)
    return Memory(before, sizes[0], sizes[1], dropped)


def table_rows(costs: dict[str, CallCost], memory: Memory | None) -> list[Row]:
    """Return the cost of a pair by input, and the growth of memory while the server does not respond."""
    rows = [
        Row(f"SDK: record + feedback with {kind}, app's thread", "µs", cost.app_us, "low", cost.least_us,
            "json.dumps + queue.put", limit=LIMIT_US, item="pair", process_s=cost.process_us / 1e6)
        for kind, cost in costs.items()
    ]  # fmt: skip
    if memory is not None:
        grown = memory.after - memory.full
        rows.append(Row("SDK: memory growth once the queue is full, server down", "MB", grown, "low", limit=2))
    return rows


def observed_row(observed_us: float, record_us: float) -> Row:
    """Return the row of an observed function, beside a `record` of the same fields."""
    name = "SDK: observed function with texts, app's thread"
    return Row(name, "µs", observed_us, "low", record_us, "record with the same fields", item="call")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=20_000)
    parser.add_argument("--calls", type=int, default=1_000_000, help="for the memory; 0: leave it out")
    parser.add_argument("--serve", type=int, metavar="PORT", help=argparse.SUPPRESS)
    add_rows_option(parser)
    arguments = parser.parse_args()
    if arguments.serve:
        run_sink(arguments.serve)
        return
    memory = measure_memory(arguments.calls) if arguments.calls else None
    with sink() as url:
        costs, received = measure_calls(url, arguments.pairs)
        observed = measure_observed(url, arguments.pairs)
    for kind, cost in costs.items():
        print(f"a pair with {kind}: {cost.app_us:.1f} µs in the app's thread (json.dumps + queue.put "
              f"{cost.least_us:.1f}), {cost.process_us:.1f} µs in the process")  # fmt: skip
    print(f"sent: {received['bytes']:,} of {received['plain']:,} bytes, "
          f"{100 * received['bytes'] / received['plain']:.0f} %, in {received['requests']:,} requests")  # fmt: skip
    if memory:
        print(f"memory, server down: {memory.before:.0f} MB, after {arguments.calls // 10:,} calls {memory.full:.0f} "
              f"MB, after {arguments.calls:,} calls {memory.after:.0f} MB; {memory.dropped:,} dropped")  # fmt: skip
    print(f"an observed function: {observed[0]:.1f} µs in the app's thread (a record of the same {observed[1]:.1f})")
    write_rows(arguments.rows, [*table_rows(costs, memory), observed_row(*observed)])


if __name__ == "__main__":
    exit_on_sigterm()
    main()
