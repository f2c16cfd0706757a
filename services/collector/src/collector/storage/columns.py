"""Rows as the array parameters of statements, one array a column."""

from collections.abc import Sequence

from collector.domain.model import NewExecution, WaitingFeedback


def execution_columns(executions: Sequence[NewExecution]) -> tuple[object, ...]:
    """Return the columns of executions, in the order of their keys."""
    rows = sorted(executions, key=lambda execution: execution.reference)
    return (
        [row.reference for row in rows],
        [row.trace for row in rows],
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
        [row.origin.traceparent for row in waiting],
    )
