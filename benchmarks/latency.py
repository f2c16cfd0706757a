"""How long the two waits of a user are, on what `make run` starts, under 200 events/s.

`python -m benchmarks.latency [--clients 200] [--rounds 20] [--json FILE]`

    candidate   from the first byte of a feedback's POST until GET /v1/candidates shows it
    promotion   from the first byte of an approval's POST until each of 200 SDK clients in other processes serves
                the new version; pushed: no client polls, and the gatekeeper's own look at the database, each 2 s,
                would show as a median of about 1 s (the Langfuse SDK's cache takes up to 60 s)
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx

from benchmarks.rows import add_rows_option
from ratchet import Ratchet
from ratchet.client.prompt_cache import PromptCache
from ratchet.prompt import from_text, parse
from tests.support.local import LocalRunner

NAME, TARGET, SLOTTED = "greeting", "bench-bot", "answer"
PROCESSES = 4
PEER_S = 60.0


def quantiles(seconds: Sequence[float]) -> dict[str, float]:
    """n, median and 99th percentile, in milliseconds."""
    ordered = sorted(seconds)
    return {
        "n": len(ordered),
        "median_ms": round(1000 * statistics.median(ordered), 1),
        "p99_ms": round(1000 * ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))], 1),
    }


@contextmanager
def load(url: str, key: str, per_second: float) -> Iterator[None]:
    """Half as many executions and half as many thumbs a second, in the background."""
    stop = threading.Event()

    def run() -> None:
        with Ratchet(url, key) as app:
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


def candidates(keys: dict[str, str], rounds: int) -> list[float]:
    """Seconds from POST to candidate, one after the other."""
    document = {
        "schema": "ratchet.prompt/1",
        "messages": [{"slot": "examples"}, {"role": "user", "content": "{{question}}"}],
        "variables": {"question": {"type": "string"}},
        "slots": {"examples": {"max": 5}},
    }
    used = {"name": SLOTTED, "digest": parse(document).digest, "document": document}
    found = []
    with httpx.Client(base_url=keys["url"]) as http:
        for number in range(rounds):
            run = f"candidate-{uuid.uuid4()}"
            execution = {"id": run, "target": TARGET, "prompts": [used], "input": f"question {number} {run}",
                         "output": "an answer", "user": f"user-{number}", "consent": {"learning": True}}  # fmt: skip
            post(http, keys["ingest_key"], "/v1/executions", execution)
            began = time.monotonic()
            post(http, keys["ingest_key"], "/v1/feedback",
                 {"execution_id": run, "kind": "rating", "value": 5, "consent": {"learning": True}})  # fmt: skip
            while not http.get(
                "/v1/candidates", params={"execution_id": run}, headers=bearer(keys["reviewer_key"])
            ).json()["items"]:
                time.sleep(0.002)
            found.append(time.monotonic() - began)
    return found


def promotions(keys: dict[str, str], clients: int, rounds: int) -> list[float]:
    """Seconds from an approval to each client that serves what was approved."""
    watchers = [
        subprocess.Popen(
            [sys.executable, "-m", "benchmarks.latency", "--watch", str(clients // PROCESSES), "--url", keys["url"],
             "--key", keys["ingest_key"], "--rounds", str(rounds + 1)],
            stdout=subprocess.PIPE, text=True,
        )
        for _ in range(PROCESSES)
    ]  # fmt: skip
    began: dict[str, float] = {}
    with httpx.Client(base_url=keys["url"], timeout=30) as http:
        base = None
        for number in range(rounds + 1):
            text = f"Hello, this is version {number}."
            base, began[base] = approve(http, keys, base, text)
            if number == 0:
                for watcher in watchers:
                    expect(watcher, "connected")
            for watcher in watchers:
                expect(watcher, "served")
    seen = [json.loads(line(watcher)) for watcher in watchers]
    for watcher in watchers:
        watcher.communicate(timeout=60)
    first = next(iter(began))
    return [at - began[digest] for one in seen for digest, at in one if digest != first]


def approve(http: httpx.Client, keys: dict[str, str], base: str | None, text: str) -> tuple[str, float]:
    """Proposes and approves a version: its digest, and when the approval was sent."""
    prompt = from_text(text)
    body = {"name": NAME, "target": TARGET, "base_digest": base, "document": prompt.to_dict(), "why": "bench"}
    proposal = post(http, keys["maker_key"], "/v1/proposals", body)
    decision = {"verdict": "approved", "reason": "bench", "digest": prompt.digest}
    began = time.monotonic()
    post(http, keys["reviewer_key"], f"/v1/proposals/{proposal['id']}/decisions", decision)
    return prompt.digest, began


def watch(url: str, key: str, clients: int, rounds: int) -> None:
    """A process of apps: prints when all of its clients are connected, and when all serve each version."""
    seen: list[tuple[str, float]] = []
    take: Callable[..., bool] = PromptCache.accept

    def timed(cache: PromptCache, payload: object, names: frozenset[str]) -> bool:
        taken = take(cache, payload, names)
        live = cache.get(NAME)
        if taken and live is not None:
            seen.append((live.prompt.digest, time.monotonic()))
        return taken

    setattr(PromptCache, "take", timed)  # noqa: B010  # the moment of arrival, without polling
    apps = [Ratchet(url, key, first_wait=30) for _ in range(clients)]
    for app in apps:
        while not app.prompt(NAME, "default").live:
            time.sleep(0.05)
    print("connected", flush=True)
    for number in range(rounds):
        while len({digest for digest, _ in seen}) <= number or sum(d == seen[-1][0] for d, _ in seen) < clients:
            time.sleep(0.005)
        print("served", flush=True)
    print(json.dumps(seen), flush=True)
    for app in apps:
        app.close(0)


def line(watcher: "subprocess.Popen[str]") -> str:
    assert watcher.stdout is not None
    return watcher.stdout.readline().strip()


def expect(watcher: "subprocess.Popen[str]", expected: str) -> None:
    if (said := line(watcher)) != expected:
        raise RuntimeError(f"a watching process said {said!r}, not {expected!r}")


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


def post(http: httpx.Client, key: str, path: str, body: object) -> dict[str, str]:
    answer = http.post(path, json=body, headers=bearer(key))
    answer.raise_for_status()
    told: dict[str, str] = answer.json()
    return told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--json", type=Path)
    add_rows_option(parser)
    parser.add_argument("--watch", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--url", default="", help=argparse.SUPPRESS)
    parser.add_argument("--key", default="", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.watch:
        watch(options.url, options.key, options.watch, options.rounds)
        return
    with tempfile.TemporaryDirectory(prefix="ratchet-bench-") as folder:
        runner = LocalRunner(Path(folder) / "data")
        runner.start()
        try:
            keys = runner.credentials
            with load(keys["url"], keys["ingest_key"], 200):
                told = {
                    "candidate": quantiles(candidates(keys, 5 * options.rounds)),
                    "promotion": quantiles(promotions(keys, options.clients, options.rounds)),
                }
        finally:
            runner.stop_all()
    for name, figures in told.items():
        ratio = PEER_S * 1000 / figures["p99_ms"]
        peer = f"; a cache of {PEER_S:g} s waits up to {ratio:,.0f} times as long" if name == "promotion" else ""
        print(f"{name:10} n={figures['n']:,}  median {figures['median_ms']} ms  p99 {figures['p99_ms']} ms{peer}")
    if options.json:
        options.json.write_text(json.dumps(told, indent=2) + "\n")


if __name__ == "__main__":
    main()
