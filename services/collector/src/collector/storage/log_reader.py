"""Reads the execution log for the API: pages, searches in texts, single executions, and their feedback."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from collector.domain.execution_filter import ExecutionFilter, contains_text
from collector.domain.log_entries import may_contain, search_term, unpack
from collector.storage import log_queries
from shared.events.feedback import ExecutionRecorded
from shared.problems import Problem
from shared.runtime.failures import sqlstate_of

CHUNK = 100
"""Executions read in one statement; their bodies are at most 768 KB each before compression."""
MAX_SEARCHED = 5_000
"""Executions whose texts one request searches; the next page goes on after them."""
_MAX_READERS = 2
"""Concurrent statements of searches in an instance: consumers need the other connections of the pool."""
_TIMEOUT_S = 5
_CANCELED = "57014"
_LIMITS = f"SELECT set_config('statement_timeout', '{_TIMEOUT_S}s', true), " + (
    "set_config('plan_cache_mode', 'force_custom_plan', true)"
)

Key = tuple[datetime, UUID]
"""What the list is sorted by."""


class LogEntry(NamedTuple):
    """An execution in the log, with its key."""

    reference: UUID
    occurred_at: datetime
    event: ExecutionRecorded

    @property
    def key(self) -> Key:
        return self.occurred_at, self.reference


class LogPage(NamedTuple):
    """Executions, newest first; the key after which the next page begins, if there may be one.

    `searched`: executions whose texts were searched; None without a search.
    """

    entries: Sequence[LogEntry]
    following: Key | None
    searched: int | None = None


class ExecutionLogReader:
    """Reads on connections of the pool, each statement for at most five seconds."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._readers = asyncio.Semaphore(_MAX_READERS)

    async def get_execution(self, reference: UUID) -> LogEntry | None:
        """Return an execution; None where it is not in the log."""
        async with self._begin() as conn:
            row = (await conn.execute(text(log_queries.GET_EXECUTION), {"reference": reference})).one_or_none()
        return None if row is None else _entries([row])[0]

    async def list_executions(self, wanted: ExecutionFilter, after: Key | None, limit: int) -> LogPage:
        """Return the newest executions that match, older than `after`."""
        rows = await self._list(await self._within_period(wanted), after, limit)
        entries = await asyncio.to_thread(_entries, rows)
        return LogPage(entries, entries[-1].key if len(entries) >= limit else None)

    async def search(self, wanted: ExecutionFilter, words: str, after: Key | None, limit: int) -> LogPage:
        """Return up to `limit` executions with `words` in a text, among the newest `MAX_SEARCHED` that match."""
        found: list[LogEntry] = []
        searched = 0
        wanted = await self._within_period(wanted)
        while searched < MAX_SEARCHED:
            rows = await self._list(wanted, after, CHUNK)
            for position, entry in await asyncio.to_thread(_matching, rows, words):
                found.append(entry)
                if len(found) == limit:
                    return LogPage(found, entry.key, searched + position + 1)
            searched += len(rows)
            if len(rows) < CHUNK:
                return LogPage(found, None, searched)
            after = _key(rows[-1])
        return LogPage(found, after, searched)

    async def iterate(self, wanted: ExecutionFilter, words: str | None) -> AsyncIterator[Sequence[LogEntry]]:
        """Yield all executions that match in chunks, newest first. Each chunk is read when it is needed."""
        after: Key | None = None
        wanted = await self._within_period(wanted)
        while rows := await self._list(wanted, after, CHUNK):
            if words is None:
                yield await asyncio.to_thread(_entries, rows)
            else:
                yield [entry for _, entry in await asyncio.to_thread(_matching, rows, words)]
            if len(rows) < CHUNK:
                return
            after = _key(rows[-1])

    async def list_feedback(self, references: Iterable[UUID]) -> Mapping[UUID, Sequence[Row[Any]]]:
        """Return the feedback about these executions, oldest first."""
        found: dict[UUID, list[Row[Any]]] = {}
        if wanted := list(references):
            async with self._begin() as conn:
                rows = await conn.execute(text(log_queries.LIST_FEEDBACK), {"references": wanted})
            for row in rows:
                found.setdefault(row.reference, []).append(row)
        return found

    async def _list(self, wanted: ExecutionFilter, after: Key | None, limit: int) -> Sequence[Row[Any]]:
        statement, given = log_queries.list_statement(wanted, after is not None, limit)
        if after is not None:
            given |= {"at": after[0], "reference": after[1]}
        async with self._begin() as conn:
            return (await conn.execute(text(statement), given)).all()

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
        """Return a connection whose statements are limited. Raises Problem 422 where one takes too long."""
        try:
            async with self._readers, self._engine.begin() as conn:
                await conn.execute(text(_LIMITS))
                yield conn
        except Exception as error:
            if sqlstate_of(error) != _CANCELED:
                raise
            detail = f"it takes more than {_TIMEOUT_S} s: name a target, or a shorter time by since and until"
            raise Problem(422, "search-too-broad", "The search reads too many executions", detail) from error


def _entries(rows: Sequence[Row[Any]]) -> list[LogEntry]:
    return [LogEntry(row.reference, row.occurred_at, unpack(row.body)) for row in rows]


def _matching(rows: Sequence[Row[Any]], words: str) -> list[tuple[int, LogEntry]]:
    """Return the rows that have `words` in a text, with their positions."""
    term, folded = search_term(words), words.casefold()
    likely = [position for position, row in enumerate(rows) if may_contain(row.body, term)]
    entries = zip(likely, _entries([rows[position] for position in likely]), strict=True)
    return [(position, entry) for position, entry in entries if contains_text(entry.event, folded)]


def _key(row: Row[Any]) -> Key:
    return row.occurred_at, row.reference
