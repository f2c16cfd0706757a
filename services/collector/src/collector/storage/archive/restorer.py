"""Loads archived files back into the log. If it is killed, each row is still in the log or in one file."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from collector.domain.archived_day_counts import DayCounts
from collector.domain.log_entries import unpack
from collector.storage.archive.file_catalog import ArchiveCatalog, ArchivedFile
from collector.storage.archive.local_files import LocalFiles
from collector.storage.archive.parquet_columns import read_columns
from collector.storage.archive.parquet_writer import Incomplete, quote_literal
from collector.storage.archive.statement_workers import Workers
from collector.storage.execution_log import ExecutionLogRepository
from shared.events.feedback import ExecutionRecorded

_BATCH = 1_000
_DEADLINE_S = 120.0
_COUNTED = (
    "project", "environment", "target", "occurred_at", "versions", "outcome", "input_tokens", "output_tokens", "cost",
    "currency",
)  # fmt: skip
"""Columns that the counts of a day are made of."""
_ERASING = """
SELECT EXISTS (SELECT FROM collector.erasures WHERE project = $1 AND completed_at IS NULL),
       (SELECT count(*) FROM collector.erased_subjects)"""
_SUBTRACT_DAYS = """
UPDATE collector.archived_days AS d
SET executions = d.executions - n.executions, errors = d.errors - n.errors,
    input_tokens = d.input_tokens - n.input_tokens, output_tokens = d.output_tokens - n.output_tokens,
    cost = d.cost - n.cost
FROM unnest($1::text[], $2::text[], $3::text[], $4::date[], $5::text[], $6::bigint[], $7::bigint[], $8::bigint[],
            $9::bigint[], $10::float8[])
  AS n(project, environment, target, day, version, executions, errors, input_tokens, output_tokens, cost)
WHERE (d.project, d.environment, d.target, d.day, d.version) = (n.project, n.environment, n.target, n.day, n.version)"""
_DELETE_EMPTY_DAYS = "DELETE FROM collector.archived_days WHERE project = $1 AND executions <= 0"
_ADD_FEEDBACK = """
INSERT INTO collector.feedback_log ({columns})
SELECT {columns} FROM json_populate_recordset(NULL::collector.feedback_log, $1::json) ON CONFLICT DO NOTHING"""


class ErasureUnderWay(Exception):
    """A user of the project is being erased: what is loaded meanwhile could be missed by it."""


class ArchiveRestorer:
    """Moves files of the archive back into the log."""

    def __init__(self, local: LocalFiles, workers: Workers) -> None:
        self._local = local
        self._workers = workers

    async def restore_file(self, pg: Any, name: str, now: datetime) -> ArchivedFile | None:
        """Move the rows of a file into the log; return it, or None if it is no longer in the archive.

        `pg` has an open transaction, which the caller commits. The file is deleted some minutes later. Raises
        BlockingIOError while the archive is being changed, ErasureUnderWay, Incomplete, OSError or WorkerFailure.
        """
        catalog = ArchiveCatalog(pg)
        if not await catalog.try_lock():
            raise BlockingIOError("the archive is being changed: try again in a minute")
        file = await catalog.get_file(name)
        if file is None:
            return None
        # An erasure that begins later waits for this transaction, because it has read the tombstones.
        if (await pg.fetchrow(_ERASING, file.project))[0]:
            raise ErasureUnderWay(file.project)
        await self._load(pg, file)
        await catalog.replace_file(file.name, now)
        return file

    async def _load(self, pg: Any, file: ArchivedFile) -> None:
        (path,) = await self._local.fetch_all([file.name])
        counts, loaded = DayCounts(), 0
        for first in range(0, file.row_count, _BATCH):
            source = (
                "(SELECT * EXCLUDE (file_row_number) FROM"
                f" read_parquet({quote_literal(str(path))}, file_row_number = true)"
                f" WHERE file_row_number >= {first} AND file_row_number < {first + _BATCH})"
            )
            load = self._load_executions if file.kind == "executions" else self._load_feedback
            loaded += await load(pg, file, source, counts)
        if loaded != file.row_count:
            raise Incomplete(f"{loaded} rows instead of {file.row_count}")
        if file.kind == "executions":
            await pg.execute(_SUBTRACT_DAYS, *counts.columns())
            await pg.execute(_DELETE_EMPTY_DAYS, file.project)

    async def _load_executions(self, pg: Any, file: ArchivedFile, source: str, counts: DayCounts) -> int:
        shown = ", ".join(name if name in file.columns else f"NULL AS {name}" for name in _COUNTED)
        rows = await self._workers.run(f"SELECT body, {shown} FROM {source}", within=_DEADLINE_S)
        await ExecutionLogRepository(pg).add_executions(await asyncio.to_thread(_events, rows))
        counts.add(dict(zip(_COUNTED, row[1:], strict=True)) for row in rows)
        return len(rows)

    async def _load_feedback(self, pg: Any, file: ArchivedFile, source: str, _: DayCounts) -> int:
        known = await read_columns(pg, file.kind)
        columns = ", ".join(name for name in file.columns if name in known)
        rows = await self._workers.run(f"SELECT CAST(to_json(t) AS VARCHAR) FROM {source} AS t", within=_DEADLINE_S)
        await pg.execute(_ADD_FEEDBACK.format(columns=columns), f"[{','.join(row[0] for row in rows)}]")
        return len(rows)


def _events(rows: Sequence[Sequence[Any]]) -> list[ExecutionRecorded]:
    return [unpack(row[0].encode()) for row in rows]
