"""Entries of the execution log: an execution with all its completions as one event, packed into bytes. Pure."""

import zlib
from uuid import UUID

from pydantic_core import to_json

from collector.domain.model import key_hash
from shared.events.base import execution_reference
from shared.events.feedback import US_DOLLARS, ExecutionRecorded, FeedbackCreated, FeedbackSubject, Usage
from shared.metric_catalog import source_metric_name

_DURATIONS = ("latency_ms", "time_to_first_token_ms")
_LEVEL = 1
"""zlib's fastest level: higher ones take twice the time for a tenth less space."""


def subject_reference(project: str, environment: str, about: FeedbackSubject, subject_id: str) -> UUID:
    """Return the key of the trace or session that feedback in the log is about."""
    return UUID(bytes=key_hash(project, environment, about, subject_id))


def subject_of(event: FeedbackCreated) -> UUID | None:
    """Return the key of the trace or session that a feedback is about; None if it is about an execution."""
    subject_id = {"trace": event.trace_id, "session": event.session}.get(event.about)
    return subject_id and subject_reference(event.project, event.environment, event.about, subject_id)  # type: ignore[return-value]


def reference_of(event: ExecutionRecorded) -> UUID:
    """Return the key of an event's execution."""
    return execution_reference(event.project, event.environment, event.facts.execution_id)


def versions_of(event: ExecutionRecorded) -> list[str]:
    """Return the digests and the app's own labels of the prompts in use, without repetition."""
    found = (name for use in event.facts.prompts for name in (use.digest, use.version) if name)
    return list(dict.fromkeys(found))


def tool_names(event: ExecutionRecorded) -> list[str]:
    """Return the names of the tools that were called, without repetition."""
    return list(dict.fromkeys(event.tools))


def currency_of(event: ExecutionRecorded) -> str | None:
    """Return the currency of an execution's cost; None if it has no cost."""
    return None if event.cost is None else event.currency or US_DOLLARS


def feedback_metric(event: FeedbackCreated) -> str | None:
    """Return the metric that a feedback is a value of; None for a comment or a correction.

    What a user did next is a value of all four metrics of next steps; this is that of its own kind.
    """
    if event.kind == "comment" or event.kind == "correction":
        return None
    return source_metric_name(event.kind, event.name, event.source)


def merge(first: ExecutionRecorded, second: ExecutionRecorded) -> ExecutionRecorded:
    """Return one event with what two revisions of an execution have, in any order.

    The facts of the higher revision are complete. Any other value is new in one revision only.
    """
    newer, older = (first, second) if first.revision >= second.revision else (second, first)
    tokens = {**older.usage.model_dump(exclude_none=True), **newer.usage.model_dump(exclude_none=True)}
    contexts, tools = newer if newer.contexts else older, newer if newer.tools else older
    priced = older if newer.cost is None else newer
    return newer.model_copy(
        update={
            "contexts": contexts.contexts,
            "context_details": contexts.context_details,
            "tools": tools.tools,
            "tool_details": tools.tool_details,
            "parameters": {**older.parameters, **newer.parameters},
            "usage": Usage(**tokens),
            "cost": priced.cost,
            "currency": priced.currency,
            **{name: _known(getattr(newer, name), getattr(older, name)) for name in _DURATIONS},
            "scores": {**older.scores, **newer.scores},
            "received_at": min(older.received_at, newer.received_at),
            "completes": (),
        }
    )


def _known(newer: float | None, older: float | None) -> float | None:
    return older if newer is None else newer


def pack(event: ExecutionRecorded) -> bytes:
    """Return an event as compressed JSON."""
    return zlib.compress(to_json(event, exclude_none=True), _LEVEL)


def body_json(body: bytes) -> bytes:
    """Return the JSON of a `pack`ed body; JSON itself, as the archive has it, unchanged."""
    return body if body.startswith(b"{") else zlib.decompress(body)


def unpack(body: bytes) -> ExecutionRecorded:
    """Return the event in a `pack`ed body, or in its JSON."""
    return ExecutionRecorded.model_validate_json(body_json(body))


def search_term(words: str) -> str:
    """Return `words` as they are in a body's JSON, for `may_contain`."""
    return to_json(words.casefold()).decode()[1:-1]


def may_contain(body: bytes, term: str) -> bool:
    """Return whether a `search_term` is anywhere in a packed event. Much cheaper than to unpack it."""
    return term in body_json(body).decode().casefold()
