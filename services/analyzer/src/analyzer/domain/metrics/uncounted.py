"""Values that are not counted, and why. Pure."""

from typing import Literal, NamedTuple

from shared.events.feedback import ExecutionRecorded, FeedbackCreated
from shared.events.feedback_structs import ExecutionRecordedStruct, FeedbackCreatedStruct
from shared.metric_catalog import normalized_label

AnyExecution = ExecutionRecorded | ExecutionRecordedStruct
AnyFeedback = FeedbackCreated | FeedbackCreatedStruct
UncountedReason = Literal["unjoined", "no_consent", "unknown_label", "neutral_label", "out_of_range", "mixed_versions"]
"""The reason why a value is not counted."""

_LONGEST_WORD = 60


class UncountedValue(NamedTuple):
    """A value that is not counted. `word` is that of a label, `value` one outside its scale."""

    project: str
    environment: str
    target: str
    metric: str
    reason: UncountedReason
    word: str = ""
    value: float | None = None


def word_to_store(label: str) -> str:
    """Return a label's word; a longer one is a text of its user, which is not stored."""
    plain = normalized_label(label)
    return plain if len(plain) <= _LONGEST_WORD else f"longer than {_LONGEST_WORD} characters"


def uncounted(
    event: AnyFeedback | AnyExecution,
    metric: str,
    reason: UncountedReason,
    word: str = "",
    value: float | None = None,
) -> UncountedValue:
    """Return a value of an event that is not counted."""
    return UncountedValue(event.project, event.environment, event.target, metric, reason, word, value)
