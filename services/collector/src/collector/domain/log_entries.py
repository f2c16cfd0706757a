"""Entries of the execution log: an execution with all its completions as one event, packed into bytes. Pure."""

import zlib
from uuid import UUID

from pydantic_core import to_json

from collector.domain.model import key_hash
from shared.events.feedback import ExecutionRecorded, FeedbackCreated, Usage
from shared.metric_catalog import metric_name

_LEVEL = 1
"""zlib's fastest level: higher ones take twice the time for a tenth less space."""


def execution_reference(project: str, environment: str, execution_id: str) -> UUID:
    """Return the key of an execution in the log."""
    return UUID(bytes=key_hash(project, environment, "execution", execution_id))


def reference_of(event: ExecutionRecorded) -> UUID:
    """Return the key of an event's execution."""
    return execution_reference(event.project, event.environment, event.facts.execution_id)


def versions_of(event: ExecutionRecorded) -> list[str]:
    """Return the digests and the app's own labels of the prompts in use, without repetition."""
    found = (name for use in event.facts.prompts for name in (use.digest, use.version) if name)
    return list(dict.fromkeys(found))


def feedback_metric(event: FeedbackCreated) -> str | None:
    """Return the metric that a feedback is a value of; None for a comment or a correction."""
    if event.kind == "comment" or event.kind == "correction":
        return None
    return metric_name(event.kind, event.name, event.source == "implicit")


def merge(first: ExecutionRecorded, second: ExecutionRecorded) -> ExecutionRecorded:
    """Return one event with what two revisions of an execution have, in any order.

    The facts of the higher revision are complete. Any other value is new in one revision only.
    """
    newer, older = (first, second) if first.revision >= second.revision else (second, first)
    tokens = {**older.usage.model_dump(exclude_none=True), **newer.usage.model_dump(exclude_none=True)}
    return newer.model_copy(
        update={
            "contexts": newer.contexts or older.contexts,
            "tools": newer.tools or older.tools,
            "parameters": {**older.parameters, **newer.parameters},
            "usage": Usage(**tokens),
            "cost": older.cost if newer.cost is None else newer.cost,
            "latency_ms": older.latency_ms if newer.latency_ms is None else newer.latency_ms,
            "scores": {**older.scores, **newer.scores},
            "received_at": min(older.received_at, newer.received_at),
            "completes": (),
        }
    )


def pack(event: ExecutionRecorded) -> bytes:
    """Return an event as compressed JSON."""
    return zlib.compress(to_json(event, exclude_none=True), _LEVEL)


def unpack(body: bytes) -> ExecutionRecorded:
    """Return the event in a `pack`ed body."""
    return ExecutionRecorded.model_validate_json(zlib.decompress(body))


def search_term(words: str) -> str:
    """Return `words` as they are in a body's JSON, for `may_contain`."""
    return to_json(words.casefold()).decode()[1:-1]


def may_contain(body: bytes, term: str) -> bool:
    """Return whether a `search_term` is anywhere in a packed event. Much cheaper than to unpack it."""
    return term in zlib.decompress(body).decode().casefold()
