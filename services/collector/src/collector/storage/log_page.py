"""Pages of the execution log: its entries, in the order of the list. Pure."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from collector.domain.execution_filter import contains_folded_text
from collector.domain.log_entries import may_contain, search_term, unpack
from shared.events.feedback import ExecutionRecorded

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


class Chunk(NamedTuple):
    """Rows of log and archive in the list's order; the key after which to go on, None at the end."""

    rows: Sequence[Any]
    following: Key | None


def to_entries(rows: Sequence[Any]) -> list[LogEntry]:
    """Return rows of the log or the archive with their executions, read from the stored bodies."""
    return [LogEntry(row.reference, row.occurred_at, unpack(row.body)) for row in rows]


def find_matching(rows: Sequence[Any], words: str) -> list[tuple[int, LogEntry]]:
    """Return the rows that have `words` in a text, with their positions."""
    term, folded = search_term(words), words.casefold()
    likely = [position for position, row in enumerate(rows) if may_contain(row.body, term)]
    entries = zip(likely, to_entries([rows[position] for position in likely]), strict=True)
    return [(position, entry) for position, entry in entries if contains_folded_text(entry.event, folded)]


def key_of(row: Any) -> Key:
    """Return what a row is sorted by."""
    return row.occurred_at, row.reference
