"""Every event that Ratchet knows, by its CloudEvents type."""

from shared.events.base import Event
from shared.events.feedback import (
    ExecutionRecorded,
    ExecutionSubmitted,
    FeedbackCreated,
    FeedbackSubmitted,
    PromptObserved,
)
from shared.events.metrics import MetricDeclared
from shared.events.operations import DeadLetterSettled, OperationPerformed
from shared.events.promotion import KeyChanged, LoopHalted, LoopResumed, PromptLive
from shared.events.proposals import ProposalDecided, ProposalReady, ProposalWithdrawn
from shared.events.quality import QualityMeasured, RegressionDetected, RegressionResolved

_EVENTS: tuple[type[Event], ...] = (
    DeadLetterSettled,
    ExecutionRecorded,
    ExecutionSubmitted,
    FeedbackCreated,
    FeedbackSubmitted,
    KeyChanged,
    LoopHalted,
    LoopResumed,
    MetricDeclared,
    OperationPerformed,
    PromptLive,
    PromptObserved,
    ProposalDecided,
    ProposalReady,
    ProposalWithdrawn,
    QualityMeasured,
    RegressionDetected,
    RegressionResolved,
)


def event_type(event: type[Event]) -> str:
    """Return the CloudEvents type of an event class, for example `ratchet.feedback.created.v1`."""
    return f"ratchet.{event.topic}.v{event.major}"


CATALOG: dict[str, type[Event]] = {event_type(event): event for event in _EVENTS}
