"""How long the two waits of a user are, in the production shape on Apache Kafka, under 200 events/s.

python -m benchmarks.latency [--clients 200] [--rounds 20] [--local] [--rows FILE]

    candidate   from the first byte of a feedback's POST until GET /v1/candidates shows it
    push        from the first byte of an approval's POST until each of 200 SDK clients in 4 other processes serves
                the new version (the Langfuse SDK's cache takes up to 60 s)

Each is split into its hops (benchmarks/latency_hops.py). `--local`: on what `make run` starts, without the hops.
"""

import argparse
import contextlib
import json
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

from benchmarks.cpu import CpuMeter
from benchmarks.latency_hops import (
    Hops,
    RelayObserver,
    add_probes,
    candidate_times,
    promotion_times,
    quantile,
    split,
)
from benchmarks.production import production
from benchmarks.rows import Row, add_rows_option, write_rows
from ratchet import Ratchet
from ratchet.prompt import from_text, parse
from tests.support.eventually import eventually_sync
from tests.support.local import LocalRunner

NAME, TARGET, SLOTTED = "greeting", "bench-bot", "answer"
SERVICES = ("collector", "analyzer", "proposer", "gatekeeper")
PROCESSES = 4
PER_SECOND = 200.0
LIMIT_MS = 100.0
_PAUSE_S = 0.005
"""Between two looks at whether a candidate is there: each costs the proposer a request."""


@dataclass(frozen=True, slots=True)
class System:
    """Where each service is, and the keys."""

    collector: str
    proposer: str
    gatekeeper: str
    keys: dict[str, str]


@dataclass(frozen=True, slots=True)
class Pushed:
    """An approval: its moments at the server, and [received, served] of each client."""

    digest: str
    posted: float
    answered: float
    clients: Sequence[tuple[float, float]]


@contextmanager
def load(system: System, per_second: float) -> Iterator[None]:
    """Send half as many executions and half as many thumbs a second, in the background."""
    stop = threading.Event()

    def run() -> None:
        with Ratchet(system.collector, system.keys["ingest_key"]) as app:
            started, sent = time.monotonic(), 0
            while not stop.is_set():
                run_id = app.record("load", prompts=[{"name": "load", "version": "1"}])
                app.feedback(run_id, kind="thumb", value=True)
                sent += 2
                stop.wait(max(0.0, started + sent / per_second - time.monotonic()))

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def add_candidates(system: System, rounds: int) -> dict[str, Hops]:
    """Send feedback that makes a candidate, one after the other; return posted, answered and visible by execution."""
    document = {
        "schema": "ratchet.prompt/1",
        "messages": [{"slot": "examples"}, {"role": "user", "content": "{{question}}"}],
        "variables": {"question": {"type": "string"}},
        "slots": {"examples": {"max": 5}},
    }
    used = {"name": SLOTTED, "digest": parse(document).digest, "document": document}
    found: dict[str, Hops] = {}
    with httpx.Client(timeout=30) as http:
        for number in range(rounds):
            run = f"candidate-{uuid.uuid4()}"
            execution = {"id": run, "target": TARGET, "prompts": [used], "input": f"question {number} {run}",
                         "output": "an answer", "user": f"user-{number}", "consent": {"learning": True}}  # fmt: skip
            post(http, system.keys["ingest_key"], f"{system.collector}/v1/executions", execution)
            feedback = {"execution_id": run, "kind": "rating", "value": 5, "consent": {"learning": True}}
            posted = time.time()
            post(http, system.keys["ingest_key"], f"{system.collector}/v1/feedback", feedback)
            answered = time.time()
            while not is_candidate(http, system, run):
                time.sleep(_PAUSE_S)
            found[run] = {"posted": posted, "answered": answered, "visible": time.time()}
    return found


def is_candidate(http: httpx.Client, system: System, run: str) -> bool:
    """Ask whether an execution is a candidate."""
    url, key = f"{system.proposer}/v1/candidates", system.keys["reviewer_key"]
    return bool(http.get(url, params={"execution_id": run}, headers=bearer(key)).json()["items"])


class Approver:
    """Approves one version after the other, each when all clients serve the one before."""

    def __init__(self, system: System, watchers: Sequence["subprocess.Popen[str]"]) -> None:
        self._system, self._watchers = system, watchers
        self._base: str | None = None
        self._number = 0
        for watcher in watchers:
            assert line(watcher) == "connected"

    def approve_next(self, http: httpx.Client) -> Pushed:
        """Approve a version, and return when all clients serve it."""
        self._number += 1
        text = f"Hello, this is version {self._number}."
        self._base, posted, answered = approve(http, self._system, self._base, text)
        times: list[tuple[float, float]] = []
        for watcher in self._watchers:
            digest, seen = json.loads(line(watcher))
            assert digest == self._base, "a client serves another version than the one approved"
            times += seen
        return Pushed(self._base, posted, answered, times)


@contextmanager
def watching(system: System, clients: int) -> Iterator[list["subprocess.Popen[str]"]]:
    """Start the processes of clients; end them after the block."""
    words = [system.gatekeeper, system.keys["ingest_key"], NAME, str(clients // PROCESSES)]
    command = [sys.executable, "-m", "benchmarks.latency_watchers", *words]
    watchers = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(PROCESSES)
    ]
    try:
        yield watchers
    finally:
        for watcher in watchers:
            watcher.communicate(timeout=60)


def approve(http: httpx.Client, system: System, base: str | None, text: str) -> tuple[str, float, float]:
    """Propose and approve a version; return its digest, and when the approval was posted and answered."""
    prompt, keys = from_text(text), system.keys
    body = {"name": NAME, "target": TARGET, "base_digest": base, "document": prompt.to_dict(), "why": "bench"}
    proposal = post(http, keys["maker_key"], f"{system.gatekeeper}/v1/proposals", body)
    decision = {"verdict": "approved", "reason": "bench", "digest": prompt.digest}
    posted = time.time()
    post(http, keys["reviewer_key"], f"{system.gatekeeper}/v1/proposals/{proposal['id']}/decisions", decision)
    return prompt.digest, posted, time.time()


def line(watcher: "subprocess.Popen[str]") -> str:
    assert watcher.stdout is not None
    return watcher.stdout.readline().strip()


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


def post(http: httpx.Client, key: str, url: str, body: object) -> dict[str, str]:
    answer = http.post(url, json=body, headers=bearer(key))
    answer.raise_for_status()
    found: dict[str, str] = answer.json()
    return found


def rows_of(what: str, timelines: Sequence[Hops], item: str, process_s: float, postgres_s: float | None) -> list[Row]:
    """Print the whole and its hops; return the rows of the whole and the median of each hop."""
    moments = [list(hops.values()) for hops in timelines]
    whole = [1000 * (times[-1] - times[0]) for times in moments]
    p50, p99 = quantile(whole, 0.5), quantile(whole, 0.99)
    print(f"{what}: n={len(whole):,}  median {p50:.1f} ms  p99 {p99:.1f} ms  CPU {1000 * process_s:.2f} ms/{item}")
    rows = [
        Row(f"{what}, p99", "ms", p99, "low", limit=LIMIT_MS, item=item, process_s=process_s, postgres_s=postgres_s),
        Row(f"{what}, median", "ms", p50, "low"),
    ]
    for step, (median, late) in split(timelines).items():
        print(f"    {step:24} median {median:7.1f} ms  p99 {late:7.1f} ms")
        rows.append(Row(f"{what}: {step}, median", "ms", median, "low"))
    return rows


def measure_production(clients: int, rounds: int) -> list[Row]:
    """Measure in separate processes and Apache Kafka."""
    with production(SERVICES) as running:
        add_probes(running.dsn)
        urls = {name: running.fleet.first_instance(name).url for name in ("collector", "proposer", "gatekeeper")}
        system = System(**urls, keys=running.fleet.keys)
        rows: list[Row] = []
        with load(system, PER_SECOND), RelayObserver(running.fleet.kafka) as observer:
            add_candidates(system, 5)
            eventually_sync(lambda: bool(observer.sent))
            services, postgres = running.services_meter(SERVICES), running.postgres_meter()
            began = time.monotonic()
            seen = add_candidates(system, 5 * rounds)
            events = PER_SECOND * (time.monotonic() - began) + 2 * len(seen)
            cpu = services.seconds / events, postgres.seconds / events
            eventually_sync(lambda: seen.keys() <= observer.sent.keys())
            stored = candidate_times(running.dsn)
            timelines = [candidate_hops(hops, observer.sent[run], *stored[run]) for run, hops in seen.items()]
            rows += rows_of("latency: feedback → candidate", timelines, "event", *cpu)
            rows += measure_pushes(system, clients, rounds, lambda: running.services_meter(["gatekeeper"]), running.dsn)
    return rows


def candidate_hops(hops: Hops, relayed: float, began: float, committed: float) -> Hops:
    """Return all moments of a candidate, in order."""
    return {"posted": hops["posted"], "answered": hops["answered"], "relayed": relayed, "consumed": began,
            "committed": committed, "visible": hops["visible"]}  # fmt: skip


def measure_pushes(
    system: System, clients: int, rounds: int, meter: Callable[[], CpuMeter], dsn: str | None
) -> list[Row]:
    """Measure approvals; with a `dsn` also the hops at the server."""
    with watching(system, clients) as watchers, httpx.Client(timeout=30) as http:
        approver = Approver(system, watchers)
        approver.approve_next(http)
        server, apps = meter(), CpuMeter(lambda: [psutil.Process(watcher.pid) for watcher in watchers])
        pushed = [approver.approve_next(http) for _ in range(rounds)]
        count = sum(len(it.clients) for it in pushed)
        server_s, apps_s = server.seconds / count, apps.seconds / count
    stored = promotion_times(dsn) if dsn else {}
    timelines: list[Hops] = []
    for it in pushed:
        middle = dict(zip(("signed", "committed"), stored.get(it.digest, ()), strict=False))
        timelines += [{"posted": it.posted, **middle, "received": got, "served": at} for got, at in it.clients]
    rows = rows_of(f"latency: approval → {clients} SDK clients", timelines, "push", server_s, None)
    rows.append(Row("SDK: CPU of one pushed version in the app", "ms", 1000 * apps_s, "low",
                    item="push", process_s=apps_s))  # fmt: skip
    return rows


def measure_local(clients: int, rounds: int) -> list[Row]:
    """Measure on what `make run` starts."""
    with tempfile.TemporaryDirectory(prefix="ratchet-bench-") as folder:
        runner = LocalRunner(Path(folder) / "data")
        runner.start()
        with contextlib.ExitStack() as stack:
            stack.callback(runner.stop_all)
            keys = runner.credentials
            system = System(keys["url"], keys["url"], keys["url"], keys)
            stack.enter_context(load(system, PER_SECOND))
            meter, began = CpuMeter(runner.family), time.monotonic()
            timelines = list(add_candidates(system, 5 * rounds).values())
            cpu = meter.seconds / (PER_SECOND * (time.monotonic() - began) + 2 * len(timelines))
            rows = rows_of("latency, make run: feedback → candidate", timelines, "event", cpu, None)
            return rows + measure_pushes(system, clients, rounds, lambda: CpuMeter(runner.family), None)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--local", action="store_true", help="on what `make run` starts, without Apache Kafka")
    add_rows_option(parser)
    options = parser.parse_args()
    measure = measure_local if options.local else measure_production
    write_rows(options.rows, measure(options.clients, options.rounds))


if __name__ == "__main__":
    main()
