"""From an approval until each of many clients in other processes has the new version.

The clients are apps with the SDK, which verify the version and serve it, or bare connections, which only read it: what
these wait for is the server's part. All share the processors of one machine.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import httpx
import psutil

from benchmarks.cpu import CpuMeter
from benchmarks.latency_hops import Hops, promotion_times
from benchmarks.latency_system import TARGET, System, post, rows_of
from benchmarks.rows import Row
from ratchet.prompt import from_text

NAMES = {"SDK clients": "greeting", "bare connections": "farewell"}
"""Prompt by kind of client."""
PROCESSES = 4


@dataclass(frozen=True, slots=True)
class Pushed:
    """An approval: its moments at the server, and [received, served] of each client."""

    digest: str
    posted: float
    answered: float
    clients: Sequence[tuple[float, float]]


class Approver:
    """Approves one version after the other, each when all clients serve the one before."""

    def __init__(self, system: System, watchers: Sequence["subprocess.Popen[str]"], name: str) -> None:
        """`name`: of the prompt that the clients follow; nothing is live under it yet."""
        self._system, self._watchers, self._name = system, watchers, name
        self._base: str | None = None
        self._number = 0
        for watcher in watchers:
            assert line(watcher) == "connected"

    def approve_next(self, http: httpx.Client) -> Pushed:
        """Approve a version, and return when all clients serve it."""
        self._number += 1
        text = f"Hello, this is version {self._number}."
        self._base, posted, answered = approve(http, self._system, self._name, self._base, text)
        times: list[tuple[float, float]] = []
        for watcher in self._watchers:
            digest, seen = json.loads(line(watcher))
            assert digest == self._base, "a client serves another version than the one approved"
            times += seen
        return Pushed(self._base, posted, answered, times)


@contextmanager
def watching(system: System, clients: int, kind: str) -> Iterator[list["subprocess.Popen[str]"]]:
    """Start the processes of clients; end them after the block."""
    words = [system.gatekeeper, system.keys["ingest_key"], NAMES[kind], str(clients // PROCESSES), kind]
    command = [sys.executable, "-m", "benchmarks.latency_watchers", *words]
    watchers = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(PROCESSES)
    ]
    try:
        yield watchers
    finally:
        for watcher in watchers:
            watcher.communicate(timeout=60)


def approve(http: httpx.Client, system: System, name: str, base: str | None, text: str) -> tuple[str, float, float]:
    """Propose and approve a version; return its digest, and when the approval was posted and answered."""
    prompt, keys = from_text(text), system.keys
    body = {"name": name, "target": TARGET, "base_digest": base, "document": prompt.to_dict(), "why": "bench"}
    proposal = post(http, keys["maker_key"], f"{system.gatekeeper}/v1/proposals", body)
    decision = {"verdict": "approved", "reason": "bench", "digest": prompt.digest}
    posted = time.time()
    post(http, keys["reviewer_key"], f"{system.gatekeeper}/v1/proposals/{proposal['id']}/decisions", decision)
    return prompt.digest, posted, time.time()


def line(watcher: "subprocess.Popen[str]") -> str:
    assert watcher.stdout is not None
    return watcher.stdout.readline().strip()


def measure_pushes(
    system: System, clients: int, rounds: int, meter: Callable[[], CpuMeter], dsn: str | None
) -> list[Row]:
    """Measure approvals for both kinds of clients; with a `dsn` also the hops at the server."""
    rows: list[Row] = []
    for kind in NAMES:
        timelines, server_s, apps_s = push_times(system, clients, rounds, meter, kind, dsn)
        rows += rows_of(f"latency: approval → {clients} {kind}", timelines, "push", server_s, None)
        if kind == "SDK clients":
            rows.append(Row("SDK: CPU of one pushed version in the app", "ms", 1000 * apps_s, "low",
                            item="push", process_s=apps_s))  # fmt: skip
    return rows


def push_times(
    system: System, clients: int, rounds: int, meter: Callable[[], CpuMeter], kind: str, dsn: str | None
) -> tuple[list[Hops], float, float]:
    """Return the moments of each push, and the CPU seconds that one costs the server and the clients."""
    with watching(system, clients, kind) as watchers, httpx.Client(timeout=30) as http:
        approver = Approver(system, watchers, NAMES[kind])
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
    return timelines, server_s, apps_s
