"""Reads archived executions and their feedback, newest files first, until a page is full or its time is over."""

import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any, Literal, NamedTuple
from uuid import UUID

from prometheus_client import Counter

from collector.domain.execution_filter import ExecutionFilter
from collector.storage.archive.archive_queries import (
    feedback_query,
    files_source,
    get_query,
    list_query,
    table_statements,
)
from collector.storage.archive.file_catalog import ArchivedFile
from collector.storage.archive.local_files import LocalFiles
from collector.storage.archive.parquet_columns import Kind
from collector.storage.archive.parquet_writer import spool_source
from collector.storage.archive.spool import Spool
from collector.storage.archive.statement_workers import WorkerDied, WorkerError, Workers, WorkerTimeout
from collector.storage.log_page import Key
from shared.problems import Problem
from shared.runtime.log import logger

BUDGET_S = 2.0
"""Time after which a list reads no further files; its page may have fewer executions, and the next one continues."""
_DEADLINE_S = 20.0
_MAX_GROUP = 16
"""Files read in one query."""
_REASONS = {
    "BinderException": "worker",
    "CatalogException": "worker",
    "OutOfMemoryException": "memory",
    "ParserException": "worker",
}
"""DuckDB's errors that say nothing about a file."""
_LAST_REFERENCE = UUID(int=2**128 - 1)

Columns = Mapping[Kind, Mapping[str, str]]
"""Column → type in DuckDB, of each kind of file."""


class ArchivedRow(NamedTuple):
    """An archived execution; its body is JSON."""

    reference: UUID
    occurred_at: datetime
    body: bytes


class ArchivedPage(NamedTuple):
    """The newest archived executions that match; `following`: where to go on if files were left out."""

    rows: list[ArchivedRow]
    following: Key | None


class ArchivedFiles(NamedTuple):
    """The files of a project that concern a request, and the columns of the tables today."""

    files: Sequence[ArchivedFile]
    columns: Columns
    late_feedback: Sequence[Mapping[str, Any]] = ()
    """Feedback that is still in the log, about executions that may be in these files."""

    def of_kind(self, kind: Kind) -> list[ArchivedFile]:
        """Return the files of a kind, latest first."""
        return sorted((file for file in self.files if file.kind == kind), key=lambda file: file.last_at, reverse=True)


class ArchiveReader:
    """Runs queries over archived files in worker processes."""

    def __init__(self, local: LocalFiles, workers: Workers, folder: Path, errors: Counter) -> None:
        self._folder = folder
        self._local = local
        self._workers = workers
        self._errors = errors

    async def list_executions(
        self, archive: ArchivedFiles, wanted: ExecutionFilter, after: Key | None, limit: int
    ) -> ArchivedPage:
        """Return the newest executions that match, older than `after`.

        Raises Problem 503 if a file cannot be read, 422 if one query takes too long.
        """
        end = time.monotonic() + BUDGET_S
        files = archive.of_kind("executions")
        rows: list[ArchivedRow] = []
        query, parameters = list_query(wanted, after, limit, bodies=not wanted.reads_feedback)
        read = self._find_by_feedback if wanted.reads_feedback else self._read_executions
        size = 1
        while files:
            group, files = files[:size], files[size:]
            rows += await read(archive, group, query, parameters)
            rows.sort(key=lambda row: (row.occurred_at, row.reference), reverse=True)
            if files and len(rows) >= limit and rows[limit - 1].occurred_at > files[0].last_at:
                break
            if files and time.monotonic() >= end:
                following = files[0].last_at, _LAST_REFERENCE
                return ArchivedPage([row for row in rows if (row.occurred_at, row.reference) > following], following)
            size = min(2 * size, _MAX_GROUP)
        return ArchivedPage(rows[:limit], None)

    async def get_executions(self, archive: ArchivedFiles, references: Sequence[UUID]) -> list[ArchivedRow]:
        """Return the executions with these references. Raises as `list_executions` does."""
        files = archive.of_kind("executions")
        if not files or not references:
            return []
        return await self._read_executions(archive, files, *get_query(references))

    async def list_feedback(
        self, archive: ArchivedFiles, field: Literal["reference", "subject"], wanted: Sequence[UUID]
    ) -> list[Any]:
        """Return archived feedback by a field, oldest first, as rows of `feedback_log`. Raises as above."""
        files = archive.of_kind("feedback")
        if not files or not wanted:
            return []
        columns = archive.columns["feedback"]
        query, parameters = feedback_query(field, wanted, list(columns))
        rows = await self._run(archive, files, query, parameters)
        return [
            SimpleNamespace(**{name: _decoded(columns[name], value) for name, value in zip(columns, row, strict=True)})
            for row in rows
        ]

    async def _find_by_feedback(
        self, archive: ArchivedFiles, files: Sequence[ArchivedFile], query: str, parameters: Mapping[str, Any]
    ) -> list[ArchivedRow]:
        """Return the executions whose keys a query finds that joins them with feedback.

        Bodies are read afterwards: the join would hold those of all executions in memory.
        """
        first, last = min(file.first_at for file in files), max(file.last_at for file in files)
        feedback = [
            file for file in archive.of_kind("feedback") if file.first_at <= last and file.last_at >= first
        ]  # all that may be about these executions
        keys = await self._run(archive, [*files, *feedback], query, parameters)
        return await self._read_executions(archive, files, *get_query([key[0] for key in keys])) if keys else []

    async def _read_executions(
        self, archive: ArchivedFiles, files: Sequence[ArchivedFile], query: str, parameters: Mapping[str, Any]
    ) -> list[ArchivedRow]:
        rows = await self._run(archive, files, query, parameters)
        return [ArchivedRow(UUID(reference), at, body.encode()) for reference, at, body in rows]

    async def _run(
        self, archive: ArchivedFiles, files: Iterable[ArchivedFile], query: str, parameters: Mapping[str, Any]
    ) -> list[list[Any]]:
        files = list(files)
        try:
            with _spooled_rows(self._folder, archive.late_feedback, archive.columns["feedback"]) as late:
                statements = ["SET TimeZone = 'UTC'", "CREATE SCHEMA collector"]
                for kind, columns in archive.columns.items():
                    paths = await self._local.fetch_all([file.name for file in files if file.kind == kind])
                    sources = [files_source([str(path) for path in paths])] if paths else []
                    sources += late if kind == "feedback" else []
                    statements += table_statements(kind, columns, sources)
                return await self._workers.run(query, parameters, statements=statements, within=_DEADLINE_S)
        except FileNotFoundError as error:
            raise self._unreadable("missing", files, error) from error
        except OSError as error:
            raise self._unreadable("storage", files, error) from error
        except (WorkerError, WorkerDied) as error:
            reason = _REASONS.get(error.name, "damaged") if isinstance(error, WorkerError) else "worker"
            raise self._unreadable(reason, files, error) from error
        except WorkerTimeout as error:
            self._errors.labels("timeout").inc()
            detail = "it takes too long in the archive: name a target, or a shorter time by since and until"
            raise Problem(422, "search-too-broad", "The search reads too many executions", detail) from error

    def _unreadable(self, reason: str, files: Sequence[ArchivedFile], error: Exception) -> Problem:
        """Count and log the error; return the Problem: a list without these executions would be wrong."""
        self._errors.labels(reason).inc()
        names = [file.name for file in files[:_MAX_GROUP]]
        logger(__name__).error("the archive cannot be read", reason=reason, error=str(error)[:500], files=names)
        detail = f"reason: {reason}; a time (since, until) without the days before the log's needs no archive"
        return Problem(503, "archive-unavailable", "A part of the archive of executions cannot be read", detail)


def _decoded(kind: str, value: Any) -> Any:
    """Return a value of a worker as PostgreSQL's driver returns it."""
    if value is None:
        return None
    return UUID(value) if kind == "UUID" else json.loads(value) if kind == "JSON" else value


@contextmanager
def _spooled_rows(folder: Path, rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str]) -> Iterator[list[str]]:
    """Return the source of some rows of `feedback_log` in a temporary file; none without rows."""
    if not rows:
        yield []
        return
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="feedback-", dir=folder) as name:
        spool = Spool(Path(name) / "rows.ndjson.gz", "executed_at")
        spool.add(rows)
        spool.close()
        yield [f"(SELECT * FROM {spool_source(spool, columns)})"]
