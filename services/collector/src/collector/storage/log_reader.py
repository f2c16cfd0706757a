"""Reads the execution log for the API: pages, searches in texts, single executions, and their feedback."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from collector.domain.execution_filter import ExecutionFilter
from collector.storage import log_queries
from collector.storage.archive.archive_reader import ArchivedFiles, ArchiveReader
from collector.storage.archive.live_catalog import LiveCatalog
from collector.storage.archive.row_merge import merge_archived_feedback, merge_rows
from collector.storage.log_page import Chunk, Key, LogEntry, LogPage, find_matching, key_of, to_entries
from shared.problems import Problem
from shared.runtime.failure_classification import sqlstate_of

CHUNK = 100
"""Executions read in one statement; their bodies are at most 768 KB each before compression."""
MAX_SEARCHED = 5_000
"""Executions whose texts one request searches; the next page continues after them."""
SEARCH_S = 3.0
"""Seconds after which a request searches no further texts; the next page continues."""
_MAX_READERS = 2
"""Concurrent statements of searches in an instance: consumers need the other connections of the pool."""
_TIMEOUT_S = 5
_CANCELED = "57014"
MAX_SUBJECT_FEEDBACK = 200
_TRACE_AGE = timedelta(days=1)
"""How much older than the oldest execution in the log others of its trace are looked for in the archive."""
_LIMITS = f"SELECT set_config('statement_timeout', '{_TIMEOUT_S}s', true), " + (
    "set_config('plan_cache_mode', 'force_custom_plan', true)"
)


class ExecutionLogReader:
    """Reads on connections of the pool, each statement for at most five seconds; and in the archive, if there is one.

    An execution that was completed after it had been archived is in both: what it has there and here is one entry.
    """

    def __init__(self, engine: AsyncEngine, archive: ArchiveReader | None = None) -> None:
        self._engine = engine
        self._archive = archive
        self._readers = asyncio.Semaphore(_MAX_READERS)

    async def get_execution(self, project: str, reference: UUID) -> LogEntry | None:
        """Return an execution; None where neither the log nor the archive has it."""
        async with self._begin() as conn:
            row = (await conn.execute(text(log_queries.GET_EXECUTION), {"reference": reference})).one_or_none()
            at = None if row is None else row.occurred_at
            archive = await self._archived(conn, project, at, at)
        rows = [] if row is None else [row]
        if self._archive is not None and archive is not None:
            rows = merge_rows([*rows, *await self._archive.get_executions(archive, [reference])])
        return to_entries(rows)[0] if rows else None

    async def list_executions(self, wanted: ExecutionFilter, after: Key | None, limit: int) -> LogPage:
        """Return the newest executions that match, older than `after`."""
        chunk = await self._list(await self._within_period(wanted), after, limit)
        return LogPage(await asyncio.to_thread(to_entries, chunk.rows), chunk.following)

    async def search(self, wanted: ExecutionFilter, words: str, after: Key | None, limit: int) -> LogPage:
        """Return up to `limit` executions with `words` in a text, among the newest `MAX_SEARCHED` that match.

        What could not be searched in `SEARCH_S` seconds is left to the next page.
        """
        found: list[LogEntry] = []
        searched, clock = 0, asyncio.get_running_loop()
        until = clock.time() + SEARCH_S
        wanted = await self._within_period(wanted)
        while searched < MAX_SEARCHED:
            chunk = await self._list(wanted, after, CHUNK)
            for position, entry in await asyncio.to_thread(find_matching, chunk.rows, words):
                found.append(entry)
                if len(found) == limit:
                    return LogPage(found, entry.key, searched + position + 1)
            searched += len(chunk.rows)
            after = chunk.following
            if after is None or len(chunk.rows) < CHUNK or clock.time() >= until:
                break
        return LogPage(found, after, searched)

    async def iterate(self, wanted: ExecutionFilter, words: str | None) -> AsyncIterator[Sequence[LogEntry]]:
        """Yield all executions that match in chunks, newest first. Each chunk is read when it is needed."""
        wanted = await self._within_period(wanted)
        chunk = await self._list(wanted, None, CHUNK)
        while True:
            if words is None:
                yield await asyncio.to_thread(to_entries, chunk.rows)
            else:
                yield [entry for _, entry in await asyncio.to_thread(find_matching, chunk.rows, words)]
            if chunk.following is None:
                return
            chunk = await self._list(wanted, chunk.following, CHUNK)

    async def list_trace(self, wanted: ExecutionFilter, limit: int) -> list[LogEntry]:
        """Return the newest executions of the trace in `wanted`, which has no other conditions; about `limit` of them.

        Where the log has some, only files with executions of the day before are read.
        """
        rows: list[Any] = []
        chunk = await self._list(wanted, None, CHUNK, archived=False)
        rows += chunk.rows
        while chunk.following is not None and len(rows) < limit:
            chunk = await self._list(wanted, chunk.following, CHUNK, archived=False)
            rows += chunk.rows
        if self._archive is not None and len(rows) < limit:
            since = rows[-1].occurred_at - _TRACE_AGE if rows else None
            rows += await self._list_archived(replace(wanted, since=since), limit)
        return await asyncio.to_thread(to_entries, merge_rows(rows))

    async def list_feedback(self, project: str, entries: Sequence[LogEntry]) -> Mapping[UUID, Sequence[Any]]:
        """Return the feedback about these executions, oldest first."""
        if not entries:
            return {}
        references = [entry.reference for entry in entries]
        async with self._begin() as conn:
            rows: list[Any] = list(await conn.execute(text(log_queries.LIST_FEEDBACK), {"references": references}))
            archive = await self._archived_with(conn, project, entries)
        if self._archive is not None and archive is not None:
            rows = merge_archived_feedback(rows, await self._archive.list_feedback(archive, "reference", references))
        found: dict[UUID, list[Any]] = {}
        for row in rows:
            found.setdefault(row.reference, []).append(row)
        return found

    async def list_subject_feedback(self, project: str, subject: UUID, entries: Sequence[LogEntry]) -> Sequence[Any]:
        """Return the newest feedback about a trace or session as a whole, which has these executions, oldest first."""
        async with self._begin() as conn:
            rows: list[Any] = list(await conn.execute(text(log_queries.LIST_SUBJECT_FEEDBACK), {"subject": subject}))
            archive = await self._archived_with(conn, project, entries)
        if self._archive is not None and archive is not None:
            rows = merge_archived_feedback(rows, await self._archive.list_feedback(archive, "subject", [subject]))
        return sorted(rows, key=lambda row: row.occurred_at)[-MAX_SUBJECT_FEEDBACK:]

    async def _list(self, wanted: ExecutionFilter, after: Key | None, limit: int, *, archived: bool = True) -> Chunk:
        """Return the newest executions that match, of the log; and of the archive, if the time reaches it."""
        statement, given = log_queries.list_statement(wanted, after is not None, limit)
        if after is not None:
            given |= {"at": after[0], "reference": after[1]}
        archive = None
        async with self._begin() as conn:
            rows: Sequence[Any] = (await conn.execute(text(statement), given)).all()
            following = key_of(rows[-1]) if len(rows) >= limit else None
            if archived:
                archive = await self._archive_of_page(conn, wanted, after, following)
        if self._archive is None or archive is None:
            return Chunk(rows, following)
        page = await self._archive.list_executions(archive, wanted, after, limit)
        if page.following is not None:
            rows = [row for row in rows if key_of(row) > page.following]
        merged = merge_rows([*rows, *page.rows])[:limit]
        return Chunk(merged, key_of(merged[-1]) if len(merged) >= limit else page.following)

    async def _archive_of_page(
        self, conn: AsyncConnection, wanted: ExecutionFilter, after: Key | None, following: Key | None
    ) -> ArchivedFiles | None:
        """Return the archive as far as a page of the log, which ends before `following`, reaches it."""
        since = max(filter(None, (wanted.since, None if following is None else following[0])), default=None)
        until = min(filter(None, (wanted.until, None if after is None else after[0])), default=None)
        archive = await self._archived(conn, wanted.project, since, until)
        if archive is None or not archive.of_kind("executions"):
            return None
        if not wanted.reads_feedback:
            return archive
        archive = await self._archived(conn, wanted.project, wanted.since, until) or archive
        return await LiveCatalog(conn).add_late_feedback(archive, wanted)

    async def _archived(
        self, conn: AsyncConnection, project: str, since: datetime | None, until: datetime | None
    ) -> ArchivedFiles | None:
        return None if self._archive is None else await LiveCatalog(conn).read_archive(project, since, until)

    async def _archived_with(
        self, conn: AsyncConnection, project: str, entries: Sequence[LogEntry]
    ) -> ArchivedFiles | None:
        """Return the archive at the times of these executions."""
        times = [entry.occurred_at for entry in entries]
        return await self._archived(conn, project, min(times), max(times)) if times else None

    async def _list_archived(self, wanted: ExecutionFilter, limit: int) -> list[Any]:
        assert self._archive is not None
        async with self._begin() as conn:
            archive = await self._archived(conn, wanted.project, wanted.since, None)
        if archive is None:
            return []
        rows: list[Any] = []
        after: Key | None = None
        while len(rows) < limit:
            page = await self._archive.list_executions(archive, wanted, after, limit)
            rows += page.rows
            after = page.following
            if after is None:
                break
        return rows

    async def _within_period(self, wanted: ExecutionFilter) -> ExecutionFilter:
        """Return the filter limited to the time when its version was in use, so that nothing else is read."""
        if wanted.version is None:
            return wanted
        given = {name: getattr(wanted, name) for name in ("project", "environment", "version", "target")}
        async with self._begin() as conn:
            period = (await conn.execute(text(log_queries.VERSION_PERIOD), given)).one()
        if period.first_at is None:
            return wanted
        since = max(filter(None, (wanted.since, period.first_at)))
        end = period.last_at + timedelta(microseconds=1)
        return replace(wanted, since=since, until=min(filter(None, (wanted.until, end))))

    @asynccontextmanager
    async def _begin(self) -> AsyncIterator[AsyncConnection]:
        """Return a connection whose statements are limited. Raises Problem 422 where one takes too long.

        Log and archive are read as of one moment, since rows move from one to the other.
        """
        try:
            async with self._readers, self._engine.begin() as conn:
                if self._archive is not None:
                    await conn.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
                await conn.execute(text(_LIMITS))
                yield conn
        except Exception as error:
            if sqlstate_of(error) != _CANCELED:
                raise
            detail = f"it takes more than {_TIMEOUT_S} s: name a target, or a shorter time by since and until"
            raise Problem(422, "search-too-broad", "The search reads too many executions", detail) from error
