"""Every event that Ratchet knows, by its CloudEvents type."""

from shared.events.base import Event
from shared.events.bisection import BisectionCompleted, BisectionRequested
from shared.events.erasure import ErasureCompleted, ErasureRequested, ExecutionsErased
from shared.events.evaluation import (
    CandidateDrafted,
    DatasetPublished,
    EvaluationCompleted,
    EvaluationRequested,
    JudgeAnchored,
)
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
from shared.events.rollouts import RolloutAdvanced, RolloutConcluded, RolloutStarted

_EVENTS: tuple[type[Event], ...] = (
    BisectionCompleted,
    BisectionRequested,
    CandidateDrafted,
    DatasetPublished,
    DeadLetterSettled,
    ErasureCompleted,
    ErasureRequested,
    EvaluationCompleted,
    EvaluationRequested,
    ExecutionRecorded,
    ExecutionSubmitted,
    ExecutionsErased,
    FeedbackCreated,
    FeedbackSubmitted,
    JudgeAnchored,
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
    RolloutAdvanced,
    RolloutConcluded,
    RolloutStarted,
)


def event_type(event: type[Event]) -> str:
    """Return the CloudEvents type of an event class, for example `ratchet.feedback.created.v1`."""
    return f"ratchet.{event.topic}.v{event.major}"


CATALOG: dict[str, type[Event]] = {event_type(event): event for event in _EVENTS}
