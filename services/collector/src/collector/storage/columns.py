"""Rows as the array parameters of statements, one array a column."""

from collections.abc import Sequence

from pydantic_core import to_json

from collector.domain.model import NewExecution, OutgoingEvent, WaitingFeedback
from shared.messaging.sql_outbox import shard_of


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


def outbox_columns(outgoing: Sequence[OutgoingEvent], shards: int) -> tuple[object, ...]:
    """Return the parameters of the outbox's insert statement; `shards` is the number of relay shards."""
    messages = [event.message for event in outgoing]
    return (
        [shard_of(message.key, shards) for message in messages],
        [event.event_id for event in outgoing],
        [message.topic for message in messages],
        [message.key for message in messages],
        [to_json(message.headers).decode() for message in messages],
        [message.value for message in messages],
    )
