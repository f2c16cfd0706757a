"""Finds the archived files that a request needs, in the same database snapshot as the log."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from collector.domain.execution_filter import ExecutionFilter
from collector.storage.archive.archive_reader import ArchivedFiles, Columns
from collector.storage.archive.file_catalog import to_file
from collector.storage.archive.parquet_columns import TABLES, Kind, read_columns
from shared.problems import Problem

MAX_LATE_FEEDBACK = 10_000
"""Feedback about archived executions that is still in the log, and that one search takes along."""

_FILES = text("""
SELECT * FROM collector.archived_files
WHERE replaced_at IS NULL AND project = :project
  AND last_at >= COALESCE(CAST(:since AS timestamptz), '-infinity')
  AND first_at <= COALESCE(CAST(:until AS timestamptz), 'infinity')""")
_LATE_FEEDBACK = text("""
SELECT * FROM collector.feedback_log
WHERE project = :project AND environment = :environment AND executed_at BETWEEN :since AND :until
  AND (CAST(:target AS text) IS NULL OR target = :target)
LIMIT :limit""")


class LiveCatalog:
    """The archive's files as of the caller's transaction."""

    def __init__(self, conn: AsyncConnection) -> None:
        self._conn = conn

    async def read_archive(self, project: str, since: datetime | None, until: datetime | None) -> ArchivedFiles | None:
        """Return the archive of a project between two times of executions; None if no file has any."""
        rows = await self._conn.execute(_FILES, {"project": project, "since": since, "until": until})
        files = [to_file(row._mapping) for row in rows]
        return ArchivedFiles(files, await self._columns()) if files else None

    async def add_late_feedback(self, archive: ArchivedFiles, wanted: ExecutionFilter) -> ArchivedFiles:
        """Return the archive with the feedback of the log that may be about its executions of the requested time.

        Raises Problem 422 if that is too much feedback.
        """
        files = archive.of_kind("executions")
        if not files:
            return archive
        first, last = min(file.first_at for file in files), max(file.last_at for file in files)
        given = {
            "project": wanted.project,
            "environment": wanted.environment,
            "target": wanted.target,
            "since": max(first, wanted.since or first),
            "until": min(last, wanted.until or last),
            "limit": MAX_LATE_FEEDBACK + 1,
        }
        rows = (await self._conn.execute(_LATE_FEEDBACK, given)).mappings().all()
        if len(rows) > MAX_LATE_FEEDBACK:
            detail = "more than 10,000 feedback is about archived executions: name a shorter time by since and until"
            raise Problem(422, "search-too-broad", "The search reads too much feedback", detail)
        return archive._replace(late_feedback=[dict(row) for row in rows])

    async def _columns(self) -> Columns:
        pg = (await self._conn.get_raw_connection()).driver_connection
        kinds: Sequence[Kind] = tuple(TABLES)
        return {kind: await read_columns(pg, kind) for kind in kinds}
