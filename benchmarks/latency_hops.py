"""Where the time is spent between a request and its effect: the time of each hop, from Kafka and PostgreSQL.

No service is changed: Kafka stores when a relay sent a message, PostgreSQL stores when a transaction committed, and
columns with defaults, added to this database only, store when a transaction began or a row was written.
"""

import json
import statistics
import threading
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

from confluent_kafka import Consumer

from tests.support.databases import psql

Hops = Mapping[str, float]
"""Hop → Unix seconds, in order."""

_PROBES = (
    "ALTER TABLE proposer.candidates ADD COLUMN bench_began timestamptz DEFAULT transaction_timestamp()",
    "ALTER TABLE gatekeeper.live_signatures ADD COLUMN bench_signed timestamptz DEFAULT clock_timestamp()",
)
_CANDIDATES = """SELECT execution_id, extract(epoch FROM bench_began),
        extract(epoch FROM pg_xact_commit_timestamp(xmin))
    FROM proposer.candidates"""
_PROMOTIONS = """SELECT h.digest, extract(epoch FROM s.bench_signed),
        extract(epoch FROM pg_xact_commit_timestamp(s.xmin))
    FROM gatekeeper.live_history h JOIN gatekeeper.live_signatures s USING (project, environment, name, sequence)"""


def add_probes(dsn: str) -> None:
    """Add the columns that store when a transaction began and when a signature was stored."""
    for statement in _PROBES:
        psql(dsn, statement)


def candidate_times(dsn: str) -> dict[str, tuple[float, float]]:
    """Return by execution when the proposer's transaction began, and when it committed."""
    return _pairs(psql(dsn, _CANDIDATES))


def promotion_times(dsn: str) -> dict[str, tuple[float, float]]:
    """Return by digest when the live version was signed, and when that was committed."""
    return _pairs(psql(dsn, _PROMOTIONS))


def _pairs(printed: str) -> dict[str, tuple[float, float]]:
    rows = (line.split("|") for line in printed.splitlines())
    return {key: (float(first), float(second)) for key, first, second in rows}


class RelayObserver:
    """Reads `feedback.created` alongside the services, and records when each message was sent by the relay."""

    def __init__(self, bootstrap: str) -> None:
        self.sent: dict[str, float] = {}
        """Execution → Unix seconds at which the relay sent its feedback."""
        self._stopped = threading.Event()
        settings = {"bootstrap.servers": bootstrap, "group.id": "bench", "auto.offset.reset": "latest"}
        self._consumer = Consumer({**settings, "fetch.wait.max.ms": 50})
        self._consumer.subscribe(["feedback.created"])
        self._thread = threading.Thread(target=self._read)

    def __enter__(self) -> "RelayObserver":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()
        self._consumer.close()

    def _read(self) -> None:
        while not self._stopped.is_set():
            message = self._consumer.poll(0.2)
            value = message.value() if message is not None and message.error() is None else None
            if message is not None and value is not None:
                execution = json.loads(value).get("execution") or {}
                self.sent[execution.get("execution_id", "")] = message.timestamp()[1] / 1000


def quantile(values: Iterable[float], share: float) -> float:
    """Return a quantile, by the nearest rank above."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def split(timelines: Sequence[Hops]) -> dict[str, tuple[float, float]]:
    """Return the median and the 99th percentile of each step between two hops, in milliseconds."""
    names = list(timelines[0])
    steps = pairwise(names)
    durations = {f"{a} → {b}": [1000 * (hops[b] - hops[a]) for hops in timelines] for a, b in steps}
    return {step: (statistics.median(values), quantile(values, 0.99)) for step, values in durations.items()}
