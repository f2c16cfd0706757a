"""Response times of the execution log with 10,000,000 executions of 30 days, and of the archive that they become.

`python -m benchmarks.execution_log [--count 200000] [--folder DIR] [--archive-days 30]`: requests go through the
collector's ASGI app without a socket, each with its JSON, its feedback and its own random target, day or id. The
database is loaded by COPY, which takes most of the time; with `--folder` it is kept and used again, as far as it was
not archived.
The limits are 300 ms for a target and a time, 100 ms for a trace. `make bench` runs it with 200,000 executions.
"""

import argparse
import asyncio
import random
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path

import httpx

from benchmarks.execution_load import open_log
from benchmarks.execution_rows import DAYS, ENVIRONMENT, LARGE_TARGET, PROJECT, midnight, user_hash
from benchmarks.rows import Row, add_rows_option, write_rows
from benchmarks.termination import exit_on_sigterm
from collector.app import Parts, build_app
from collector.maintenance import ArchiveMaintenance
from collector.settings import CollectorSettings
from shared.runtime.clock import SystemClock
from shared.testing.clock import FakeClock
from tests.support.databases import as_role, psql

LIST_LIMIT_MS, TRACE_LIMIT_MS = 300.0, 100.0
ARCHIVE_ROWS = {"target and time": "target and a day", "user": f"a user in {DAYS} days", "trace": "trace"}
"""Kinds of requests to the archive that have a row in the table."""
_ROUNDS = 40
_SECRET = "s" * 43
_MB = 1_000_000
Query = tuple[str, Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Figure:
    """Milliseconds of a kind of request, sorted, and the executions that the last one answered."""

    name: str
    times: list[float]
    found: int

    @property
    def p50(self) -> float:
        return self.times[len(self.times) // 2]

    @property
    def p95(self) -> float:
        return self.times[int(0.95 * (len(self.times) - 1))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=200_000)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--archive-days", type=int, default=DAYS, help="archive the oldest days; 0: none")
    add_rows_option(parser)
    options = parser.parse_args()
    with nullcontext(options.folder) if options.folder else tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.mkdir(exist_ok=True)
        postgres = open_log(folder, options.count)
        try:
            rows = asyncio.run(measure(postgres.dsn(), folder, options.archive_days))
        finally:
            postgres.stop()
    write_rows(options.rows, rows)


async def measure(dsn: str, folder: Path, archive_days: int) -> list[Row]:
    """Print a line for each kind of request; return rows of those that have limits."""
    _add_key(dsn)
    settings = CollectorSettings(
        database_url=as_role(dsn, "ratchet_collector"), kafka_bootstrap="127.0.0.1:9", rate_limit_key=0,
        allow_data_loss=True, archive_url=str(folder / "archive"), archive_folder=str(folder / "work"),
    )  # fmt: skip
    newest = datetime.fromisoformat(psql(dsn, "SELECT max(occurred_at) FROM collector.execution_log") + ":00")
    app = build_app(settings, SystemClock())
    headers = {"Authorization": f"Bearer rk_bench_{_SECRET}"}
    count = int(psql(dsn, "SELECT reltuples::bigint FROM pg_class WHERE relname = 'execution_log'"))
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://collector", headers=headers
    ) as client:
        draw = random.Random(7)
        log = [await time_requests(client, name, make) for name, make in kinds(draw, newest, 0.0, DAYS - 1.0).items()]
        rows = [
            Row(f"executions: {figure.name}, p95 with {count:,}", "ms", figure.p95, "low", limit=limit)
            for figure in log
            if (limit := {"target and time": LIST_LIMIT_MS, "trace": TRACE_LIMIT_MS}.get(figure.name))
        ]
        if archive_days:
            days = await archive(dsn, settings, newest - timedelta(days=DAYS - archive_days))
            for name, make in kinds(draw, newest, DAYS - days, DAYS - 1.0).items():
                figure = await time_requests(client, f"archive: {name}", make)
                if (work := ARCHIVE_ROWS.get(name)) is not None:
                    rows.append(Row(f"archive: {work}, p95 with {count:,}", "ms", figure.p95, "low"))
    return rows


def kinds(draw: random.Random, newest: datetime, youngest: float, oldest: float) -> dict[str, Callable[[], Query]]:
    """Return the kinds of requests by name. Times are between `youngest` and `oldest` days before the newest row."""

    def day() -> dict[str, str]:
        since = newest - timedelta(days=draw.uniform(youngest + 1, oldest))
        return {"since": since.isoformat(), "until": (since + timedelta(days=1)).isoformat()}

    def any_user() -> str:
        return user_hash(draw.randrange(40_000) * 7919 % 200_000)

    def listed(**given: str) -> Query:
        return "/v1/executions", given

    month = {
        "since": (newest - timedelta(days=oldest)).isoformat(),
        "until": (newest - timedelta(days=youngest)).isoformat(),
    }
    return {
        "target and time": lambda: listed(target=f"target-{draw.randrange(20)}", **day()),
        "largest target and time": lambda: listed(target=LARGE_TARGET, **day()),
        "largest target, errors of a day": lambda: listed(target=LARGE_TARGET, outcome="error", **day()),
        "thumbs down of a day": lambda: listed(feedback="thumb", metric="thumb", max="0", **day()),
        "latency above a bound": lambda: listed(target=LARGE_TARGET, metric="latency_ms", min="2400", **day()),
        "user": lambda: listed(user_hash=any_user(), **month),
        "trace": lambda: (f"/v1/traces/t-{draw.randrange(40_000)}", {}),
        "execution": lambda: (f"/v1/executions/e-{draw.randrange(200_000)}", {}),
        "text that none has": lambda: listed(q="no such text", target=LARGE_TARGET, **day()),
    }


async def time_requests(client: httpx.AsyncClient, name: str, make: Callable[[], Query]) -> Figure:
    """Send requests one after the other and print a line."""
    times: list[float] = []
    found = 0
    for _ in range(_ROUNDS if "text" not in name else 5):
        path, given = make()
        began = time.perf_counter()
        answer = await client.get(path, params=given)
        times.append((time.perf_counter() - began) * 1000)
        body = answer.json()
        assert answer.status_code in (200, 404), answer.text
        found = len(body.get("items", ())) if answer.status_code == 200 else 0
    figure = Figure(name, sorted(times), found)
    print(f"{name:<45}p50 {figure.p50:>7.0f} ms   p95 {figure.p95:>7.0f} ms   {found} found", flush=True)
    return figure


async def archive(dsn: str, settings: CollectorSettings, before: datetime) -> float:
    """Archive everything received before a time; print the rate, and return the days in the archive."""
    clock = FakeClock(midnight(before) + timedelta(days=settings.log_days + 1))
    parts = Parts.build(settings, clock)
    assert parts.archive is not None
    rows, began, cpu = _archived(dsn), time.perf_counter(), time.process_time()
    job = ArchiveMaintenance(parts.archive, clock)
    while await job.run_once():
        pass
    await parts.archive.workers.close()
    done, seconds = _archived(dsn) - rows, time.perf_counter() - began
    size = int(psql(dsn, "SELECT coalesce(sum(bytes), 0) FROM collector.archived_files WHERE replaced_at IS NULL"))
    print(f"archived {done:,} rows in {seconds:.0f} s, {time.process_time() - cpu:.0f} s of them the collector's CPU")
    print(f"all files: {size / _MB:,.0f} MB", flush=True)
    return float(psql(dsn, "SELECT count(DISTINCT day) FROM collector.archived_files"))


def _archived(dsn: str) -> int:
    return int(psql(dsn, "SELECT coalesce(sum(row_count), 0) FROM collector.archived_files WHERE kind = 'executions'"))


def _add_key(dsn: str) -> None:
    psql(
        dsn,
        f"""INSERT INTO collector.api_keys (key_id, revision, secret_hash, subject, subject_kind, project, environment,
                                            scopes, revoked, origins)
            VALUES ('bench', 1, '{sha256(_SECRET.encode()).hexdigest()}', 'bench', 'service', '{PROJECT}',
                    '{ENVIRONMENT}', '{{read}}', false, '{{}}') ON CONFLICT DO NOTHING""",
    )


if __name__ == "__main__":
    exit_on_sigterm()
    main()
