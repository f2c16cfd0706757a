"""The measured system, its requests, and the table of a delay's hops."""

from collections.abc import Sequence
from dataclasses import dataclass

import httpx

from benchmarks.latency_hops import Hops, quantile, split
from benchmarks.rows import Row

TARGET = "bench-bot"
LIMIT_MS = 100.0


@dataclass(frozen=True, slots=True)
class System:
    """The URL of each service, and the keys."""

    collector: str
    proposer: str
    gatekeeper: str
    keys: dict[str, str]


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


def post(http: httpx.Client, key: str, url: str, body: object) -> dict[str, str]:
    answer = http.post(url, json=body, headers=bearer(key))
    answer.raise_for_status()
    found: dict[str, str] = answer.json()
    return found


def rows_of(what: str, timelines: Sequence[Hops], item: str, process_s: float, postgres_s: float | None) -> list[Row]:
    """Print the total and its hops; return the rows of the total and the median of each hop."""
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
