"""Converts a Langfuse score to the body of a feedback. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from typing import Any, Literal

from collector.domain.pulls.langfuse_traces import SOURCE
from collector.domain.pulls.pulled_item import Flag, PulledItem, execution_id, feedback_id
from ratchet_langfuse.schemas import Score
from shared.metric_catalog.labels import meaning_of

OWN_SCORES = "ratchet."
"""Names of scores that Ratchet writes to Langfuse begin so; they are never read back."""
LOW_REWARD = 0.5
BAD_RATING = 2
"""Largest rating that says that the answer was bad."""
UserFeedbackKind = Literal["thumb", "rating", "label"]
_KINDS = {"NUMERIC": "score", "BOOLEAN": "score", "CATEGORICAL": "label", "TEXT": "comment", "CORRECTION": "correction"}


@dataclass(frozen=True, slots=True)
class ScoreMapping:
    """`reward` is the name of the reward score; `user_feedback` has the kind of users' feedback by its score's name."""

    reward: str
    user_feedback: Mapping[str, UserFeedbackKind]


def score_item(score: Score, mapping: ScoreMapping) -> PulledItem | None:
    """Return the feedback of a score; None for one that is about no trace, has no value, or is Ratchet's own."""
    if score.trace is None or score.name.startswith(OWN_SCORES) or score.data_type not in _KINDS:
        return None
    declared = mapping.user_feedback.get(score.name)
    value = score.content if score.text is None else score.text
    if value is None:
        return None
    kind, value = _kind_and_value(declared or _KINDS[score.data_type], value)
    texts = kind in ("comment", "correction")
    content: dict[str, Any] = {
        "execution_id": execution_id(SOURCE, score.trace),
        "kind": kind,
        "name": score.name,
        "value": value,
        "comment": None if texts or not (score.comment or "").strip() else score.comment,
        "user": f"{SOURCE}:{score.author_user_id}" if score.author_user_id else None,
    }
    moment = score.timestamp if score.timestamp.tzinfo else score.timestamp.replace(tzinfo=UTC)
    body = {
        **{name: found for name, found in content.items() if found is not None},
        "id": feedback_id(SOURCE, score.id, content),
        "occurred_at": moment.astimezone(UTC).isoformat(),
    }
    flags = _flags(score.name, kind, value, mapping)
    return PulledItem("feedback", body, moment, _raw(score, value), flags, needs_execution=True)


def _kind_and_value(kind: str, value: Any) -> tuple[str, Any]:
    """Return the kind and value as the HTTP route expects them: what does not fit `kind` is a score or a label."""
    number = isinstance(value, int | float)
    if kind == "thumb" and number and value in (-1, 0, 1):
        return kind, value > 0
    if kind == "thumb" and value in ("up", "down"):
        return kind, value
    if number:
        return ("rating" if kind == "rating" else "score"), float(value)
    return ("label" if kind in ("thumb", "rating", "score") else kind), value


def _flags(name: str, kind: str, value: Any, mapping: ScoreMapping) -> tuple[Flag, ...]:
    if name == mapping.reward and kind == "score" and value < LOW_REWARD:
        return ("low_reward",)
    if name not in mapping.user_feedback:
        return ()
    return ("negative_feedback",) if is_negative(kind, value, name) else ()


def is_negative(kind: str, value: Any, name: str = "") -> bool:
    """Return whether feedback says that the answer was bad."""
    return (
        (kind == "thumb" and value in (False, "down"))
        or (kind == "rating" and value <= BAD_RATING)
        or (kind == "label" and meaning_of(value, name) == "bad")
    )


def _raw(score: Score, value: Any) -> dict[str, Any]:
    return {
        "kind": "score",
        "score_id": score.id,
        "trace_id": score.trace,
        "observation_id": score.observation,
        "name": score.name,
        "value": value,
        "comment": score.comment,
        "source": score.source,
        "at": score.timestamp.isoformat(),
    }
