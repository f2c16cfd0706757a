"""Validation of feedback: from a parsed JSON object to an item that is checked and scrubbed. Pure."""

import math
from typing import NamedTuple

from msgspec.json import encode

from collector.domain.body_parser import as_dict, read_feedback
from collector.domain.feedback_payload import FeedbackPayload
from collector.domain.feedback_schema import LABEL_LIMIT, NUMBER_LIMIT, TEXT_LIMIT
from collector.domain.model import NewFeedback, feedback_slot, key_hash
from collector.domain.preferences import Preference, map_texts, preferred, read_preference
from collector.domain.request_context import RequestContext
from collector.domain.schemas import FeedbackBody
from shared.events.feedback import FeedbackKind, FeedbackSource, FeedbackSubject, KeyScope
from shared.metric_catalog import IMPLICIT_KINDS, NEXT_STEPS
from shared.pii.scrub import scrub
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


def _subject(body: FeedbackBody) -> tuple[FeedbackSubject, str]:
    """Return what the feedback is about, and its id, as executions have it. Raises Problem 422."""
    if body.execution_id is not None:
        return "execution", body.execution_id
    if body.trace_id is not None:
        return "trace", body.trace_id
    if body.session is not None:
        return "session", scrub(body.session)
    raise invalid("execution_id", "is missing: name an execution_id, a trace_id or a session")


def parse_feedback(item: object, context: RequestContext, index: int = 0) -> NewFeedback:
    """Return the feedback of a parsed JSON object, the element `index` of its array. Raises Problem."""
    body = read_feedback(item)
    origin = context.origin
    about, about_id = _subject(body)
    if body.kind == "score" and body.name is None:
        raise invalid("name", "is missing: a score has a name")
    context.check_scope(body)
    value = read_value(body.kind, body.value, body.comment, body.execution_id)
    source = read_source(body.kind, body.source)
    check_judge(source, body.kind, value.number, body.evaluator, context.key_scope)
    own_id = None if body.id is None else str(body.id)
    event_id, claims = context.identify("feedback", item, own_id, index)
    feedback_id = own_id or event_id
    user = context.pseudonym(body.user)
    label = value.label and scrub(value.label)
    occurred_at, skew = context.event_time(body.occurred_at)
    payload = FeedbackPayload(
        origin.project, origin.environment, origin.received_at, feedback_id, body.kind, source, occurred_at,
        body.evaluator, context.key_scope, body.name, value.number, label, value.text and scrub(value.text),
        value.preference and map_texts(value.preference, scrub), about, about_id if about == "trace" else None,
        about_id if about == "session" else None, user, as_dict(body.consent), skew,
    )  # fmt: skip
    reference = key_hash(origin.project, origin.environment, about, about_id)
    slot = feedback_slot(reference, user, source, body.kind, body.name)
    feedback = NewFeedback(origin, feedback_id, event_id, claims, encode(payload), reference, slot)
    feedback.about, feedback.user = about, user
    if body.consent is None or body.consent.quality is not False:
        feedback.value, feedback.label = value.number, body.kind if body.kind in NEXT_STEPS else label
    return feedback
