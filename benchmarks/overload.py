"""Response times of a key within its quota, alone and while another key sends ten times its own quota.

`python -m benchmarks.overload [--rounds 10] [--seconds 3]` starts a durable PostgreSQL and a collector with a quota of
50 requests a second and key. In each round the neighbour sends 40 a second alone, then again while the overloader
sends 500: the phases alternate, so that other work on the machine meets both alike. Both clients are in one process of
their own, each request at its planned time, from which its duration counts. The limit: p99 grows by at most 20 %.
"""

import argparse
import asyncio
import itertools
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256

import asyncpg
import uvloop

from benchmarks.ingest import KEY, add_executions, database, serving
from benchmarks.ingest_load import requests
from benchmarks.rows import Row, add_rows_option, write_rows
from benchmarks.termination import exit_on_sigterm

QUOTA, NEIGHBOUR, OVERLOAD = 50, 40, 500
"""Requests a second: allowed for a key, sent by the neighbour, sent by the overloader."""
_SECRET = "o" * 43
_OVERLOADER = f"rk_overload_{_SECRET}"
_WINDOW_S = 10


@dataclass
class Answers:
    """Durations in milliseconds and statuses of a client's requests."""

    times: list[float] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)
    without_retry_after: int = 0

    def quantile(self, share: float) -> float:
        """Return a quantile of the durations."""
        return sorted(self.times)[int(share * (len(self.times) - 1))]


async def send_at_rate(
    port: int, source: Iterator[bytes], rate: float, seconds: float, answers: Answers, connections: int = 16
) -> None:
    """Send `rate` requests a second for `seconds`, in turn on keep-alive connections."""
    began = time.perf_counter()

    async def use_connection(first: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for number in itertools.count(first, connections):
            due = began + number / rate
            if due > began + seconds:
                break
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            writer.write(next(source))
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            await reader.readexactly(length)
            answers.times.append(1000 * (time.perf_counter() - due))
            status = head.split(b" ", 2)[1].decode()
            answers.statuses[status] += 1
            answers.without_retry_after += status == "429" and b"retry-after: " not in head.lower()
        writer.close()

    await asyncio.gather(*(use_connection(number) for number in range(connections)))


async def measure(port: int, dsn: str, rounds: int, seconds: float) -> tuple[Answers, Answers, Answers]:
    """Return the answers to the neighbour alone, to the neighbour meanwhile, and to the overloader."""
    pg = await asyncpg.connect(dsn)
    await pg.execute(
        """INSERT INTO collector.api_keys (key_id, revision, secret_hash, subject, subject_kind, project, environment,
             scopes, revoked) VALUES ('overload', 1, $1, 'app', 'service', 'shop', 'production', '{ingest}', false)""",
        sha256(_SECRET.encode()).hexdigest(),
    )
    await pg.close()
    mine, its = requests(KEY, 1), requests(_OVERLOADER, 1)
    alone, meanwhile, overloader = Answers(), Answers(), Answers()
    await send_at_rate(port, mine, NEIGHBOUR, 2, Answers())
    await send_at_rate(port, its, OVERLOAD, _WINDOW_S / 5, Answers())  # spends the burst of the first window
    for _ in range(rounds):
        await send_at_rate(port, mine, NEIGHBOUR, seconds, alone)
        await asyncio.gather(
            send_at_rate(port, mine, NEIGHBOUR, seconds, meanwhile),
            send_at_rate(port, its, OVERLOAD, seconds, overloader),
        )
    return alone, meanwhile, overloader


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=3.0)
    add_rows_option(parser)
    options = parser.parse_args()
    with database() as (dsn, _):
        with serving("full", dsn) as (port, _):
            add_executions(port)
        with serving("full", dsn, {"RATCHET_RATE_LIMIT_KEY": str(QUOTA * _WINDOW_S)}) as (port, _):
            alone, meanwhile, overloader = uvloop.run(measure(port, dsn, options.rounds, options.seconds))
    for name, found in (("alone", alone), ("meanwhile", meanwhile), ("overloader", overloader)):
        print(
            f"{name:<12}p50 {found.quantile(0.5):7.2f} ms   p99 {found.quantile(0.99):7.2f} ms"
            f"   n {len(found.times)}   {dict(found.statuses)}   429 without Retry-After: {found.without_retry_after}"
        )
    name = "overload: a neighbour's p99 while another key sends 10 × its quota"
    row = Row(name, "ms", meanwhile.quantile(0.99), "low", peer=alone.quantile(0.99), peer_name="alone",
              ratio_limit=1.2)  # fmt: skip
    refused = sum(count for status, count in meanwhile.statuses.items() if status != "200")
    others = Row("overload: refused requests of the neighbour", "requests", refused, "low", limit=0)
    write_rows(options.rows, [row, others])


if __name__ == "__main__":
    exit_on_sigterm()
    main()
