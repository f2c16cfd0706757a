"""Validation of feedback: from a parsed JSON object to an item that is checked and scrubbed. Pure."""

from msgspec.json import encode

from collector.domain.body_parser import read_feedback
from collector.domain.feedback_payload import FeedbackPayload
from collector.domain.feedback_values import check_judge, read_source, read_value
from collector.domain.model import NewFeedback, feedback_slot, key_hash
from collector.domain.ordinary_bodies import as_dict
from collector.domain.pii.scrub import scrub
from collector.domain.preferences import map_texts
from collector.domain.request_context import RequestContext
from collector.domain.schemas import FeedbackBody
from shared.events.feedback import FeedbackSubject
from shared.metric_catalog import NEXT_STEPS
from shared.problems import invalid


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
