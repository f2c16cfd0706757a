"""Rows as the array parameters of statements, one array a column."""

from collections.abc import Sequence
from typing import TypeVar

from collector.domain.model import NewExecution, WaitingFeedback

T = TypeVar("T")


def sparse(column: list[T]) -> list[T]:
    """Return a column, without its values where all are None: `unnest` fills up what another column has more.

    The driver calls Python twice for each value of an array.
    """
    return [] if column.count(None) == len(column) else column  # type: ignore[arg-type]


def execution_columns(executions: Sequence[NewExecution]) -> tuple[object, ...]:
    """Return the columns of executions, in the order of their keys."""
    rows = sorted(executions, key=lambda execution: execution.reference)
    return (
        [row.reference for row in rows],
        sparse([row.trace for row in rows]),
        sparse([row.session for row in rows]),
        [row.version for row in rows],
        [row.origin.project for row in rows],
        [row.origin.environment for row in rows],
        [row.target for row in rows],
        [row.facts for row in rows],
        [row.values for row in rows],
        [row.origin.received_at for row in rows],
    )


def waiting_columns(waiting: Sequence[WaitingFeedback]) -> tuple[object, ...]:
    """Return the columns of feedback that waits for its execution."""
    return (
        [row.event_id for row in waiting],
        [row.reference for row in waiting],
        [row.origin.project for row in waiting],
        [row.origin.environment for row in waiting],
        [row.payload for row in waiting],
        [row.origin.received_at for row in waiting],
        sparse([row.origin.traceparent for row in waiting]),
    )
