"""How a feedback and its execution become one event, and how events are put into their messages. Pure."""

from uuid import UUID

from pydantic_core import from_json, to_json

from collector.domain.completion import Completion
from collector.domain.model import (
    ExecutionContext,
    NewExecution,
    NewFeedback,
    ObservedPrompt,
    Origin,
    OutgoingEvent,
    PreviousFeedback,
    WaitingFeedback,
    feedback_slot,
)
from shared.events import Event, derived_id, event_type
from shared.events.feedback import ExecutionRecorded, FeedbackCreated, PromptObserved
from shared.events.message import Message

SOURCE = "ratchet/collector"


def execution_recorded_message(item: NewExecution) -> OutgoingEvent:
    """The `execution.recorded` of an accepted execution."""
    key = f"{item.origin.project}/{item.target}"
    return _outgoing(ExecutionRecorded, item.event_id, key, item.payload, item.origin)


def completed(item: NewExecution, completion: Completion) -> OutgoingEvent:
    """The `execution.recorded` of what was added to an execution."""
    key = f"{item.origin.project}/{item.target}"
    return _outgoing(ExecutionRecorded, completion.event_id, key, completion.payload, item.origin)


def with_previous_feedback(item: NewFeedback, former: PreviousFeedback | None) -> bytes:
    """The feedback's payload, which says what it replaces."""
    if former is None:
        return item.payload
    replaces = to_json({"feedback_id": former.feedback_id, "value": former.value, "label": former.label})
    return b'{"replaces":' + replaces + b"," + item.payload[1:]


def current_feedback(entry: WaitingFeedback) -> tuple[bytes, UUID]:
    """The slot and the id of a feedback that waits."""
    created = from_json(entry.payload)
    return feedback_slot(entry.reference, created), UUID(created["feedback_id"])


def feedback_created_message(entry: WaitingFeedback, joined: ExecutionContext | None) -> OutgoingEvent:
    """The `feedback.created` of a feedback, with its execution's facts; unjoined, its target is empty."""
    target = "" if joined is None else joined.target
    facts = b"" if joined is None else b'"execution":' + joined.facts + b","
    payload = b'{"target":' + to_json(target) + b"," + facts + entry.payload[1:]
    return _outgoing(FeedbackCreated, entry.event_id, f"{entry.origin.project}/{target}", payload, entry.origin)


def prompt_observed_message(origin: Origin, sighting: ObservedPrompt) -> OutgoingEvent:
    """The `prompt.observed` of a digest that is new to us, or known so far without its document."""
    event = PromptObserved(
        project=origin.project,
        environment=origin.environment,
        name=sighting.name,
        target=sighting.target,
        digest=sighting.digest,
        document=None if sighting.document is None else dict(sighting.document),
        first_seen=origin.received_at,
    )
    told = "document" if sighting.document is not None else "digest"
    event_id = str(derived_id("observed", origin.project, origin.environment, sighting.name, sighting.digest, told))
    return _outgoing(PromptObserved, event_id, event.key, event.model_dump_json().encode(), origin)


def _outgoing(event: type[Event], event_id: str, key: str, payload: bytes, origin: Origin) -> OutgoingEvent:
    """CloudEvents' binary mode. The event begins a chain of causes, so its correlation id is its own."""
    headers = [
        ("ce_specversion", "1.0"),
        ("ce_id", event_id),
        ("ce_type", event_type(event)),
        ("ce_source", SOURCE),
        ("ce_time", origin.received_at.isoformat()),
        ("ce_subject", key),
        ("content-type", "application/json"),
        ("correlationid", event_id),
    ]
    if origin.traceparent is not None:
        headers.append(("traceparent", origin.traceparent))
    return OutgoingEvent(event_id, Message(event.topic, key, payload, tuple(headers)))
