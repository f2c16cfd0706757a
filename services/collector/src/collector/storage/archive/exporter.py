"""Moves a closed day of the log into Parquet files. If it is killed, each row is still in the log or in one file."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from operator import itemgetter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote
from uuid import UUID, uuid4

from collector.domain.archived_day_counts import DayCounts
from collector.storage.archive.file_catalog import ArchiveCatalog, ArchivedFile, ProjectDay
from collector.storage.archive.object_store import ObjectStore
from collector.storage.archive.parquet_columns import TABLES, TIMES, Kind, read_columns
from collector.storage.archive.parquet_writer import is_full, write_parquet
from collector.storage.archive.spool import Spool
from collector.storage.archive.statement_workers import Workers

FILE_ROWS = 50_000
"""Rows of a file at most; a transaction deletes as many."""
_BATCH = 100

_REFERENCES = """
SELECT reference FROM collector.{table} WHERE project = $1 AND received_at >= $2 AND received_at < $3
GROUP BY reference ORDER BY min({time}), reference LIMIT $4"""
_MOVE = """
DELETE FROM collector.{table} WHERE reference = ANY($1::uuid[])
AND project = $2 AND received_at >= $3 AND received_at < $4 RETURNING *"""
_SAVE_DAYS = """
INSERT INTO collector.archived_days AS d
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::date[], $5::text[], $6::bigint[], $7::bigint[],
                     $8::bigint[], $9::bigint[], $10::float8[])
ON CONFLICT (project, environment, target, day, version) DO UPDATE
SET executions = d.executions + excluded.executions, errors = d.errors + excluded.errors,
    input_tokens = d.input_tokens + excluded.input_tokens, output_tokens = d.output_tokens + excluded.output_tokens,
    cost = d.cost + excluded.cost"""


def archive_before(now: datetime, age: timedelta) -> datetime:
    """Return the midnight (UTC) before which all rows are older than `age`."""
    return datetime.combine((now.astimezone(UTC) - age).date(), time(), UTC)


class ArchiveExporter:
    """Exports rows of the log. `folder` is for temporary files."""

    def __init__(self, store: ObjectStore, workers: Workers, folder: Path) -> None:
        self._store = store
        self._workers = workers
        self._folder = folder

    async def export_file(self, pg: Any, kind: Kind, before: datetime, now: datetime) -> ArchivedFile | None:
        """Move rows received before the midnight `before` into one file; return it, or None if there is none to move.

        `pg` has an open transaction, which the caller commits. The file is durable when this returns: without the
        commit its rows stay in the log, and the file, which nothing names, is deleted by `ArchiveSweeper`.
        """
        catalog = ArchiveCatalog(pg)
        if not await catalog.try_lock():
            return None
        due = await catalog.next_day(kind, before, now)
        if due is None:
            return None
        await asyncio.to_thread(self._folder.mkdir, parents=True, exist_ok=True)
        with TemporaryDirectory(prefix="export-", dir=self._folder) as name:
            return await self._move(pg, kind, due, Path(name))

    async def _move(self, pg: Any, kind: Kind, due: ProjectDay, folder: Path) -> ArchivedFile | None:
        columns = await read_columns(pg, kind)
        counts = DayCounts()
        with _spooled(Spool(folder / "rows.ndjson.gz", TIMES[kind])) as spool:
            await self._delete_rows(pg, kind, due, spool, counts if kind == "executions" else None)
        if spool.first_at is None or spool.last_at is None:  # another transaction deleted them
            return None
        parquet = folder / "rows.parquet"
        await write_parquet(self._workers, spool, columns, parquet)
        file = ArchivedFile(
            file_name(kind, due), kind, due.project, due.day, tuple(columns), spool.rows, parquet.stat().st_size,
            spool.first_at, spool.last_at,
        )  # fmt: skip
        await asyncio.to_thread(self._store.put, file.name, parquet)
        await ArchiveCatalog(pg).save_file(file)
        if kind == "executions":
            await pg.execute(_SAVE_DAYS, *counts.columns())
        return file

    async def _delete_rows(self, pg: Any, kind: Kind, due: ProjectDay, spool: Spool, counts: DayCounts | None) -> None:
        """Delete rows of the day in the order of their executions' times, and append them to the spool."""
        start, end = _bounds(due.day)
        where = {"table": TABLES[kind], "time": TIMES[kind]}
        wanted = await pg.fetch(_REFERENCES.format(**where), due.project, start, end, FILE_ROWS)
        references: list[UUID] = [row["reference"] for row in wanted]
        for first in range(0, len(references), _BATCH):
            part = references[first : first + _BATCH]
            rows = await pg.fetch(_MOVE.format(**where), part, due.project, start, end)
            rows = sorted((dict(row) for row in rows), key=itemgetter(TIMES[kind], "reference"))
            await asyncio.to_thread(spool.add, rows)
            if counts is not None:
                counts.add(rows)
            if is_full(spool.rows, spool.size):
                return


def file_name(kind: Kind, due: ProjectDay) -> str:
    """Return a new name for a file of a day."""
    return f"{kind}/project={quote(due.project, safe='')}/day={due.day.isoformat()}/{uuid4()}.parquet"


def _bounds(day: date) -> tuple[datetime, datetime]:
    start = datetime.combine(day, time(), UTC)
    return start, start + timedelta(days=1)


@contextmanager
def _spooled(spool: Spool) -> Iterator[Spool]:
    try:
        yield spool
    finally:
        spool.close()
