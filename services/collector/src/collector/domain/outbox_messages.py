"""Events of the collector as messages; a feedback event contains the facts of its execution. Pure."""

from datetime import datetime
from functools import lru_cache
from uuid import UUID

from msgspec.json import encode
from pydantic_core import from_json

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
from shared.events.message import EncodedMessage, encoded_cloudevent_headers

SOURCE = "ratchet/collector"
_TYPES: dict[type[Event], str] = {
    event: event_type(event) for event in (ExecutionRecorded, FeedbackCreated, PromptObserved)
}


def execution_recorded_message(item: NewExecution) -> OutgoingEvent:
    """Return the `execution.recorded` of an accepted execution."""
    key = f"{item.origin.project}/{item.target}"
    return _outgoing(ExecutionRecorded, item.event_id, key, item.payload, item.origin)


def execution_completed_message(item: NewExecution, completion: Completion) -> OutgoingEvent:
    """Return the `execution.recorded` of a completion."""
    key = f"{item.origin.project}/{item.target}"
    return _outgoing(ExecutionRecorded, completion.event_id, key, completion.payload, item.origin)


def with_previous_feedback(item: NewFeedback, previous: PreviousFeedback | None) -> bytes:
    """Return the payload of a feedback, with the feedback that it replaces."""
    if previous is None:
        return item.payload
    replaces = encode({"feedback_id": previous.feedback_id, "value": previous.value, "label": previous.label})
    return b'{"replaces":' + replaces + b"," + item.payload[1:]


def slot_and_id(entry: WaitingFeedback) -> tuple[bytes, UUID]:
    """Return the slot and the id of a waiting feedback."""
    created = from_json(entry.payload)
    slot = feedback_slot(
        entry.reference, created.get("user"), created.get("source", ""), created["kind"], created.get("name")
    )
    return slot, UUID(created["feedback_id"])


def feedback_created_message(entry: WaitingFeedback, execution: ExecutionContext | None) -> OutgoingEvent:
    """Return the `feedback.created` of a feedback with its execution's facts; without one, the target is empty."""
    target = "" if execution is None else execution.target
    facts = b"" if execution is None else b'"execution":' + execution.facts + b","
    mixed = b'"mixed":true,' if execution is not None and execution.mixed else b""
    payload = b"".join((b'{"target":', encode(target), b",", facts, mixed, entry.payload[1:]))
    return _outgoing(FeedbackCreated, entry.event_id, f"{entry.origin.project}/{target}", payload, entry.origin)


def prompt_observed_message(origin: Origin, prompt: ObservedPrompt) -> OutgoingEvent:
    """Return the `prompt.observed` of a digest seen for the first time, or for the first time with its document."""
    event = PromptObserved(
        project=origin.project,
        environment=origin.environment,
        name=prompt.name,
        target=prompt.target,
        digest=prompt.digest,
        document=None if prompt.document is None else dict(prompt.document),
        first_seen=origin.received_at,
    )
    part = "document" if prompt.document is not None else "digest"
    event_id = str(derived_id("observed", origin.project, origin.environment, prompt.name, prompt.digest, part))
    return _outgoing(PromptObserved, event_id, event.key, event.model_dump_json().encode(), origin)


@lru_cache(maxsize=64)
def _time_text(time: datetime) -> str:
    """Return a time as ISO 8601. Cached: the items of a request, and of a turn of the event loop, have the same."""
    return time.isoformat()


def _outgoing(event: type[Event], event_id: str, key: str, payload: bytes, origin: Origin) -> OutgoingEvent:
    """Return a message in CloudEvents binary mode. The event has no cause, so its correlation id is its own id."""
    time = _time_text(origin.received_at)
    headers = encoded_cloudevent_headers(event_id, _TYPES[event], SOURCE, time, key, origin.traceparent)
    return OutgoingEvent(event_id, EncodedMessage(event.topic, key, payload, headers))
