"""How long the two waits of a user are, in the production shape on Apache Kafka, under 200 events/s.

python -m benchmarks.latency [--clients 200] [--rounds 20] [--local] [--rows FILE]

    candidate   from the first byte of a feedback's POST until GET /v1/candidates shows it
    push        from the first byte of an approval's POST until each of 200 SDK clients in 4 other processes serves
                the new version (the Langfuse SDK's cache takes up to 60 s), and until 200 bare connections have it

Each is split into its hops (benchmarks/latency_hops.py). `--local`: on what `make run` starts, without the hops.
"""

import argparse
import contextlib
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from benchmarks.cpu import CpuMeter
from benchmarks.latency_hops import Hops, RelayObserver, add_probes, candidate_times
from benchmarks.latency_pushes import measure_pushes
from benchmarks.latency_system import TARGET, System, bearer, post, rows_of
from benchmarks.production import production
from benchmarks.rows import Row, add_rows_option, write_rows
from benchmarks.termination import exit_on_sigterm
from ratchet import Ratchet
from ratchet.prompt import parse
from tests.support.eventually import eventually_sync
from tests.support.local import LocalRunner

SLOTTED = "answer"
SERVICES = ("collector", "analyzer", "proposer", "gatekeeper")
PER_SECOND = 200.0
_PAUSE_S = 0.005
"""Interval between checks for the candidate: each costs the proposer a request."""


@contextmanager
def load(system: System, per_second: float) -> Iterator[None]:
    """Send half as many executions and half as many thumbs per second, in the background."""
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
    """Send feedback that makes a candidate, one at a time; return posted, answered and visible by execution."""
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
    """Return whether an execution is a candidate."""
    url, key = f"{system.proposer}/v1/candidates", system.keys["reviewer_key"]
    return bool(http.get(url, params={"execution_id": run}, headers=bearer(key)).json()["items"])


def measure_production(clients: int, rounds: int) -> list[Row]:
    """Measure with services in separate processes and Apache Kafka."""
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
    """Return all times of a candidate, in order."""
    return {"posted": hops["posted"], "answered": hops["answered"], "relayed": relayed, "consumed": began,
            "committed": committed, "visible": hops["visible"]}  # fmt: skip


def measure_local(clients: int, rounds: int) -> list[Row]:
    """Measure on the system that `make run` starts."""
    with tempfile.TemporaryDirectory(prefix="ratchet-bench-") as folder:
        runner = LocalRunner(Path(folder) / "data")
        with contextlib.ExitStack() as stack:
            stack.callback(runner.stop_all)
            runner.start()
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
    exit_on_sigterm()
    main()
