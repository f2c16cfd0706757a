"""Values of feedback by kind. Pure."""

import math
from typing import NamedTuple

from collector.domain.feedback_schema import LABEL_LIMIT, NUMBER_LIMIT, TEXT_LIMIT
from collector.domain.preferences import Preference, preferred, read_preference
from shared.events.feedback import FeedbackKind, FeedbackSource, KeyScope
from shared.metric_catalog import IMPLICIT_KINDS, NEXT_STEPS
from shared.problems import invalid

_THUMBS = {"up": 1.0, "down": 0.0}


class Value(NamedTuple):
    """A parsed value: a number, a label or two compared outputs, each perhaps with a comment; or a text."""

    number: float | None = None
    label: str | None = None
    text: str | None = None
    preference: Preference | None = None


def read_value(kind: FeedbackKind, value: object, comment: str | None = None, execution_id: str | None = None) -> Value:
    """Return the parsed value with its comment. Raises Problem 422 for the field `value` or `comment`.

    `execution_id` is that of the execution that the feedback is about.
    """
    found = _read(kind, value, execution_id)
    if comment is None:
        return found
    if found.text is not None:
        raise invalid("comment", f"cannot be combined with the kind {kind}, whose text is its value")
    if kind in IMPLICIT_KINDS:
        raise invalid("comment", f"cannot be combined with the kind {kind}, which a user does without a word")
    if not comment.strip():
        raise invalid("comment", "must be a non-empty string")
    return found._replace(text=_limited(comment, TEXT_LIMIT, "comment"))


def read_source(kind: FeedbackKind, source: FeedbackSource | None) -> FeedbackSource:
    """Return the source of feedback; by default that of its kind. Raises Problem 422 for the field `source`."""
    if kind not in IMPLICIT_KINDS:
        return source or "explicit"
    if source not in (None, "implicit"):
        raise invalid("source", f"must be implicit for the kind {kind}, or left out")
    return "implicit"


def check_judge(
    source: FeedbackSource, kind: FeedbackKind, value: float | None, evaluator: str | None, key_scope: KeyScope | None
) -> None:
    """Raise Problem 422 unless a judge's feedback is a score from 0 to 1 with the digest of the judge."""
    if source != "judge":
        if evaluator is not None:
            raise invalid("evaluator", "is only for the source judge")
        return
    if kind != "score":
        raise invalid("source", f"must not be judge for the kind {kind}: a judge sends scores")
    if key_scope == "browser-ingest":
        raise invalid("source", "must not be judge with a browser key, which anyone may use")
    if evaluator is None:
        raise invalid("evaluator", "is missing: a judge's score has the digest of the judge")
    if value is None or not 0.0 <= value <= 1.0:
        raise invalid("value", "must be between 0 and 1 for a judge's score")


def _read(kind: FeedbackKind, value: object, execution_id: str | None) -> Value:
    if kind == "thumb":
        return Value(number=_thumb(value))
    if kind in ("rating", "score"):
        number = _number(value)
        if kind == "rating" and not 1 <= number <= 5:
            raise invalid("value", "must be between 1 and 5 for a rating")
        return Value(number=number)
    if kind in IMPLICIT_KINDS:
        return Value(number=_action(kind, value))
    if kind == "preference":
        compared = read_preference(value, execution_id)
        return Value(number=preferred(compared, execution_id), preference=compared)
    if not isinstance(value, str) or not value.strip():
        raise invalid("value", f"must be a non-empty string for a {kind}")
    if kind == "label":
        return Value(label=_limited(value, LABEL_LIMIT))
    return Value(text=_limited(value, TEXT_LIMIT))


def _thumb(value: object) -> float:
    if isinstance(value, bool):
        return float(value)
    if isinstance(value, str) and value in _THUMBS:
        return _THUMBS[value]
    raise invalid("value", 'must be true, false, "up" or "down" for a thumb')


def _action(kind: FeedbackKind, value: object) -> float:
    """Return the number of what a user did: 1 or 0 for whether it happened, milliseconds for a dwell."""
    if kind == "dwell":
        if (number := _number(value)) < 0:
            raise invalid("value", "must be at least 0 milliseconds for a dwell")
        return number
    if kind in NEXT_STEPS and value not in (None, True):
        raise invalid("value", f"must be true or left out for a {kind}: send the step that was taken instead")
    if value is not None and not isinstance(value, bool):
        raise invalid("value", f"must be true, false or left out for a {kind}")
    return 1.0 if value is None else float(value)


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise invalid("value", "must be a finite number")
    if abs(value) > NUMBER_LIMIT:
        raise invalid("value", f"must be between -{NUMBER_LIMIT:g} and {NUMBER_LIMIT:g}")
    return float(value)


def _limited(text: str, limit: int, field: str = "value") -> str:
    if len(text) > limit:
        raise invalid(field, f"must have at most {limit} characters")
    return text
