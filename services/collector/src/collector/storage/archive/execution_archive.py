"""The archive of executions: its exporter, reader, eraser and sweeper behind one class."""

import contextlib
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from prometheus_client import CollectorRegistry
from prometheus_client import Counter as CounterMetric
from sqlalchemy.ext.asyncio import AsyncEngine

from collector.domain.erasure_status import Erasure
from collector.storage.archive.archive_eraser import ArchiveEraser
from collector.storage.archive.archive_reader import ArchiveReader
from collector.storage.archive.exporter import ArchiveExporter, archive_before
from collector.storage.archive.file_catalog import ArchiveCatalog, ProjectDay
from collector.storage.archive.local_files import LocalFiles
from collector.storage.archive.object_store import ObjectStore, open_store
from collector.storage.archive.parquet_columns import TABLES, Kind
from collector.storage.archive.restorer import ArchiveRestorer
from collector.storage.archive.statement_workers import Workers
from collector.storage.archive.sweeper import ArchiveSweeper, Begin
from collector.storage.connections import transient_errors

_MB = 1_000_000
_STORE_S = 600
"""Seconds in which a file must be written and stored, while its transaction waits."""
_QUERIES = 2


@contextlib.asynccontextmanager
async def begin_archiving(engine: AsyncEngine) -> AsyncIterator[Any]:
    """Return a transaction on an asyncpg connection of the pool, which may wait for a file to be stored.

    Raises Retryable for errors that the values do not cause.
    """
    with transient_errors():
        async with engine.begin() as conn:
            await conn.exec_driver_sql(f"SET LOCAL idle_in_transaction_session_timeout = '{_STORE_S}s'")
            yield (await conn.get_raw_connection()).driver_connection


@dataclass(frozen=True, slots=True)
class ArchiveLimits:
    """How long rows stay in the log and in the archive; `join` is how long feedback waits for its execution.

    Feedback is archived later than its execution, since it may have been received before.
    """

    log: timedelta
    archive: timedelta | None
    join: timedelta


class RestoredDay(NamedTuple):
    """How many rows were loaded back into the log."""

    executions: int
    feedback: int


class ExecutionArchive:
    """Exports, reads and deletes archived executions. Nothing is loaded or started before it is needed."""

    def __init__(
        self, begin: Begin, url: str, folder: str, limits: ArchiveLimits, *, copies_mb: int, memory_mb: int,
        registry: CollectorRegistry,
    ) -> None:  # fmt: skip
        work = Path(folder) if folder else Path(tempfile.gettempdir()) / "ratchet-archive"
        self._begin = begin
        self._limits = limits
        self.store: ObjectStore = open_store(url)
        local = LocalFiles(self.store, work, copies_mb * _MB)
        self.workers = Workers(work, size=_QUERIES, memory_mb=memory_mb)
        errors = CounterMetric(
            "ratchet_archive_errors",
            "Failed reads of archived executions, by reason: missing, damaged, storage, timeout, memory, worker",
            ("reason",),
            registry=registry,
        )
        self.reader = ArchiveReader(local, self.workers, work, errors)
        self.exporter = ArchiveExporter(self.store, self.workers, work)
        self.sweeper = ArchiveSweeper(begin, self.store, local)
        self.eraser = ArchiveEraser(self.store, local, self.workers, work)
        self.restorer = ArchiveRestorer(local, self.workers)
        self._local = local

    async def export(self, now: datetime, max_files: int) -> bool:
        """Move old rows into at most `max_files` files; return whether more may be left."""
        for _ in range(max_files):
            if not await self._export_file(now):
                return False
        return True

    async def delete_expired(self, now: datetime) -> None:
        """Delete files that are too old, that were replaced, or that no transaction has named."""
        if self._limits.archive is not None:
            async with self._begin() as pg:
                await ArchiveCatalog(pg).expire_files(now, self._limits.archive)
        await self.sweeper.delete_replaced(now)
        await self.sweeper.delete_orphans(now)
        async with self._begin() as pg:
            await ArchiveCatalog(pg).forget_kept_days(now)
            names = await ArchiveCatalog(pg).list_names()
        await self._local.keep_only(names)

    async def list_files(self, project: str, kind: Kind) -> list[str]:
        """Return the names of a project's files of a kind."""
        async with self._begin() as pg:
            return [file.name for file in await ArchiveCatalog(pg).list_files(project) if file.kind == kind]

    async def restore_day(self, project: str, day: date, now: datetime, keep: timedelta) -> RestoredDay:
        """Move the files of a day back into the log, where its rows stay for `keep`; return how many they are.

        Raises as `ArchiveRestorer.restore_file`. Files that were moved before that stay in the log.
        """
        rows: Counter[Kind] = Counter()
        async with self._begin() as pg:
            await ArchiveCatalog(pg).keep_day(ProjectDay(project, day), now + keep)
            names = [file.name for file in await ArchiveCatalog(pg).list_files(project) if file.day == day]
        for name in names:
            async with self._begin() as pg:
                file = await self.restorer.restore_file(pg, name, now)
            if file is not None:
                rows[file.kind] += file.row_count
        return RestoredDay(rows["executions"], rows["feedback"])

    async def erase_file(self, erasure: Erasure, name: str, now: datetime) -> bool:
        """Erase a user from a file; return False, without a change, while the archive is being changed otherwise."""
        async with self._begin() as pg:
            return await self.eraser.erase_file(pg, erasure, name, now)

    async def delete_replaced(self, project: str, now: datetime) -> bool:
        """Delete files that left the archive some minutes ago; return whether none of the project is left."""
        await self.sweeper.delete_replaced(now)
        async with self._begin() as pg:
            return await ArchiveCatalog(pg).count_replaced(project) == 0

    async def _export_file(self, now: datetime) -> bool:
        limits = self._limits
        ages: Mapping[Kind, timedelta] = {
            "executions": limits.log,
            "feedback": limits.log + limits.join + timedelta(days=1),
        }
        for kind in TABLES:
            async with self._begin() as pg:
                if await self.exporter.export_file(pg, kind, archive_before(now, ages[kind]), now):
                    return True
        return False
