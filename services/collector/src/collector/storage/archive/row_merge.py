"""Rows of the log and of the archive as one list. Pure."""

from collections.abc import Iterable, Sequence
from itertools import groupby
from types import SimpleNamespace
from typing import Any, NamedTuple
from uuid import UUID

from collector.domain.log_entries import merge, pack, unpack


class MergedRow(NamedTuple):
    """An execution, merged from all rows that have parts of it."""

    reference: UUID
    occurred_at: Any
    body: bytes


def merge_rows(rows: Iterable[Any]) -> list[Any]:
    """Return rows sorted by time and reference, latest first; those of one execution and time as one."""
    ordered = sorted(rows, key=_key, reverse=True)
    return [_merged(list(group)) for _, group in groupby(ordered, key=_key)]


def merge_archived_feedback(rows: Sequence[Any], archived: Sequence[Any]) -> list[Any]:
    """Return feedback of log and archive, oldest first; `replaced` if a later one of either replaces it."""
    if not archived:
        return list(rows)
    replacing = {(row.reference, row.replaces) for row in (*rows, *archived) if row.replaces is not None}
    everything = {(row.reference, row.feedback_id): _as_dict(row) for row in (*archived, *rows)}
    for key, values in everything.items():
        values["replaced"] = key in replacing
    found = [SimpleNamespace(**values) for values in everything.values()]
    return sorted(found, key=lambda row: (row.occurred_at, row.feedback_id))


def _as_dict(row: Any) -> dict[str, Any]:
    return dict(row._mapping) if hasattr(row, "_mapping") else dict(vars(row))


def _key(row: Any) -> tuple[Any, UUID]:
    return row.occurred_at, row.reference


def _merged(rows: Sequence[Any]) -> Any:
    if len(rows) == 1:
        return rows[0]
    event = unpack(rows[0].body)
    for row in rows[1:]:
        event = merge(event, unpack(row.body))
    return MergedRow(rows[0].reference, rows[0].occurred_at, pack(event))
