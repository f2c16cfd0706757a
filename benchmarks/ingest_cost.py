"""CPU time and WAL of a load, as accounted by the operating system and PostgreSQL: meaningful on a busy
machine, too.
"""

from collections.abc import Callable
from typing import NamedTuple

import asyncpg
import psutil


class Usage(NamedTuple):
    """CPU seconds of the server process and of all of PostgreSQL's processes, and bytes of WAL."""

    server: float
    postgres: float
    wal: int

    def per_item(self, before: "Usage", items: int) -> "Cost":
        """Return what each of `items` cost since `before`."""
        count = max(1, items)
        return Cost(
            1e6 * (self.server - before.server) / count,
            1e6 * (self.postgres - before.postgres) / count,
            (self.wal - before.wal) / count,
        )


class Cost(NamedTuple):
    """Cost of one item: microseconds of CPU in the server process and in PostgreSQL, and bytes of WAL."""

    server_us: float = 0.0
    postgres_us: float = 0.0
    wal_bytes: float = 0.0


class Meter:
    """Reads the usage of one server process (with its children) and of the PostgreSQL that it writes to."""

    def __init__(self, server: int, postmaster: int, dsn: str) -> None:
        self._server = psutil.Process(server)
        self._postmaster = psutil.Process(postmaster)
        self._dsn = dsn

    async def read(self) -> Usage:
        """Return the usage since the processes started."""
        pg = await asyncpg.connect(self._dsn)
        try:
            wal = await pg.fetchval("SELECT (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::bigint")
            # Read before the connection is closed: its own backend is in both readings of a load.
            return Usage(_cpu_seconds(self._server), _cpu_seconds(self._postmaster), wal)
        finally:
            await pg.close()


def _cpu_seconds(process: psutil.Process) -> float:
    """Return the CPU seconds of a process, its living descendants, and its ended children."""
    own = process.cpu_times()
    total = own.user + own.system + own.children_user + own.children_system
    for child in process.children(recursive=True):
        total += _or_zero(lambda child=child: sum(child.cpu_times()[:2]))  # type: ignore[misc]
    return total


def _or_zero(read: Callable[[], float]) -> float:
    try:
        return read()
    except psutil.NoSuchProcess:
        return 0.0
