"""Validation: from a request's content to items that are checked, scrubbed, and have pseudonyms for users. Pure."""

from hashlib import blake2b
from typing import Any

from msgspec.json import encode
from pydantic_core import to_json

from collector.domain.bodies import read_execution, read_feedback
from collector.domain.feedback_payload import FeedbackPayload
from collector.domain.feedback_values import read_value
from collector.domain.model import IngestItem, NewExecution, NewFeedback, ObservedPrompt, feedback_slot, key_hash
from collector.domain.ordinary_bodies import as_dict
from collector.domain.pii.scrub import scrub
from collector.domain.request_context import RequestContext, Route
from collector.domain.schemas import TEXT_LIMIT, ExecutionBody, PromptBody
from ratchet.prompt import PromptError, parse
from shared.events.message import MAX_PAYLOAD
from shared.problems import Problem, invalid
from shared.strict_json import strict_json

MAX_FEEDBACK = 130_000
"""Bytes of JSON: the longest text with each character escaped, and the other fields."""
MAX_EXECUTION = MAX_PAYLOAD - MAX_FEEDBACK - 2_000
"""Bytes of JSON. A feedback event contains its execution's facts: both must fit into one message."""

MAX_ITEMS = 1000
_NUMBERS = ("usage", "cost", "latency_ms", "scores")
_CONTENTS = ("contexts", "tools", "parameters")
REST = (*_NUMBERS, *_CONTENTS)
"""The fields of an execution outside its facts."""


def parse_request(route: Route, content: bytes, context: RequestContext) -> IngestItem | list[IngestItem | Problem]:
    """Return the item of an object, or for an array an item or the problem of each element. Raises Problem."""
    body = strict_json(content)
    if isinstance(body, dict):
        return parse_item(route, body, context)
    if not isinstance(body, list):
        raise invalid("body", "must be an object or an array of objects")
    if not 1 <= len(body) <= MAX_ITEMS:
        raise invalid("body", f"an array must have 1 to {MAX_ITEMS} items")
    return [_parse_element(route, value, context, index) for index, value in enumerate(body)]


def parse_completion(content: bytes, context: RequestContext, execution_id: str) -> IngestItem:
    """Return the execution of a request whose path has its id. Raises Problem."""
    body = strict_json(content)
    if not isinstance(body, dict):
        raise invalid("body", "must be an object")
    if (given := body.get("id")) is not None and str(given) != execution_id:
        raise invalid("id", "must be the id in the path")
    return parse_execution({**body, "id": execution_id}, context)


def _parse_element(route: Route, value: object, context: RequestContext, index: int) -> IngestItem | Problem:
    try:
        if not isinstance(value, dict):
            raise invalid("body", "must be an object")
        return parse_item(route, value, context, index)
    except Problem as problem:
        return problem


def parse_item(route: Route, item: object, context: RequestContext, index: int = 0) -> IngestItem:
    """Return the item of a parsed JSON value. Raises Problem, which names the field."""
    return parse_feedback(item, context, index) if route == "feedback" else parse_execution(item, context, index)


def parse_feedback(item: object, context: RequestContext, index: int = 0) -> NewFeedback:
    """Return the feedback of a parsed JSON object, the element `index` of its array. Raises Problem."""
    body = read_feedback(item)
    origin = context.origin
    if body.execution_id is None and body.trace_id is None:
        raise invalid("execution_id", "is missing: name an execution_id or a trace_id")
    if body.kind == "score" and body.name is None:
        raise invalid("name", "is missing: a score has a name")
    context.check_scope(body)
    value = read_value(body.kind, body.value, body.comment)
    own_id = None if body.id is None else str(body.id)
    event_id, claims = context.identify("feedback", item, own_id, index)
    feedback_id = own_id or event_id
    user = context.pseudonym(body.user)
    about = ("execution", body.execution_id) if body.execution_id else ("trace", body.trace_id or "")
    label = value.label and scrub(value.label)
    occurred_at, skew = context.event_time(body.occurred_at)
    payload = FeedbackPayload(
        feedback_id=feedback_id, kind=body.kind, source=body.source, key_scope=context.key_scope, name=body.name,
        value=value.number, label=label, text=value.text and scrub(value.text), user=user,
        consent=as_dict(body.consent), occurred_at=occurred_at, clock_skew_s=skew,
        project=origin.project, environment=origin.environment, received_at=origin.received_at,
    )  # fmt: skip
    reference = key_hash(origin.project, origin.environment, *about)
    slot = feedback_slot(reference, user, body.source, body.kind, body.name)
    feedback = NewFeedback(origin, feedback_id, event_id, claims, encode(payload), reference, slot)
    feedback.by_trace = not body.execution_id
    if body.consent is None or body.consent.quality is not False:
        feedback.value, feedback.label = value.number, label
    return feedback


def parse_execution(item: object, context: RequestContext, index: int = 0) -> NewExecution:
    """Return the execution of a parsed JSON object, the element `index` of its array. Raises Problem."""
    body = read_execution(item)
    origin = context.origin
    context.check_scope(body)
    _check_sizes(body)
    event_id, claims = context.identify("executions", item, body.id, index)
    execution_id = body.id or str(event_id)
    observed_prompts = tuple(_observed_prompts(body.prompts, body.target))
    facts = encode(_facts(body, context, execution_id))
    recorded = _recorded(body, context)
    payload = b'{"facts":' + facts + b"," + encode(recorded)[1:]
    if len(payload) > MAX_EXECUTION:
        raise _too_large()
    scope = (origin.project, origin.environment)
    root = body.trace_id is not None and body.parent_id is None
    return NewExecution(
        origin, execution_id, event_id, claims, payload, body.target, key_hash(*scope, "execution", execution_id),
        key_hash(*scope, "trace", str(body.trace_id)) if root else None, facts, encode(_values(recorded)),
        observed_prompts,
    )  # fmt: skip


def _check_sizes(body: ExecutionBody) -> None:
    """Check sizes before texts are scrubbed. Raises Problem 413 or 422."""
    total = len(body.input or "") + len(body.output or "") + sum(map(len, body.contexts))
    for field, members in (("attributes", body.attributes), ("parameters", body.parameters)):
        for name, value in members.items():
            size = len(value) if isinstance(value, str) else 0
            if size > TEXT_LIMIT:
                raise invalid(f"{field}.{name}", f"must have at most {TEXT_LIMIT} characters")
            total += size
    if total > MAX_EXECUTION:
        raise _too_large()


def _too_large() -> Problem:
    return invalid("body", f"an execution must have at most {MAX_EXECUTION} bytes", 413)


def _facts(body: ExecutionBody, context: RequestContext, execution_id: str) -> dict[str, Any]:
    """Return `shared.events.feedback.ExecutionFacts` as a dictionary."""
    occurred_at, skew = context.event_time(body.occurred_at)
    return _without_none(
        execution_id=execution_id, trace_id=body.trace_id, parent_id=body.parent_id,
        prompts=[_without_none(name=use.name, digest=use.digest, version=use.version) for use in body.prompts],
        model=body.model, arm=body.arm, user=context.pseudonym(body.user), session=_scrubbed(body.session),
        input=_scrubbed(body.input), output=_scrubbed(body.output), outcome=body.outcome,
        attributes={name: scrub(_as_text(value)) for name, value in body.attributes.items() if value is not None},
        consent=as_dict(body.consent), occurred_at=occurred_at, clock_skew_s=skew,
    )  # fmt: skip


def _recorded(body: ExecutionBody, context: RequestContext) -> dict[str, Any]:
    """Return `shared.events.feedback.ExecutionRecorded` without its facts, as a dictionary."""
    origin = context.origin
    return _without_none(
        project=origin.project, environment=origin.environment, target=body.target, received_at=origin.received_at,
        contexts=[scrub(context) for context in body.contexts], tools=body.tools,
        parameters={name: scrub(_as_text(value)) for name, value in body.parameters.items()},
        usage=as_dict(body.usage), cost=body.cost, latency_ms=body.latency_ms, scores=body.scores,
    )  # fmt: skip


def _values(recorded: dict[str, Any]) -> dict[str, Any]:
    """Return the fields outside the facts as completions are compared with: numbers, and hashes of other values."""
    values = {name: recorded[name] for name in _NUMBERS if recorded.get(name) not in (None, {})}
    for name in _CONTENTS:
        if recorded[name]:
            values[name] = blake2b(to_json(recorded[name]), digest_size=16).hexdigest()
    return values


def _observed_prompts(prompts: list[PromptBody], target: str) -> list[ObservedPrompt]:
    """Return the prompts that have a digest or a document. Raises Problem 422 where the two do not match."""
    found = []
    for index, use in enumerate(prompts):
        document = None
        if use.document is not None:
            try:
                prompt = parse(use.document, f"prompts[{index}].document")
            except PromptError as error:
                raise invalid(error.field, error.reason) from None
            if use.digest is not None and use.digest != prompt.digest:
                raise invalid(f"prompts[{index}].digest", "is not the digest of the document")
            use.digest, document = prompt.digest, prompt.to_dict()
        if use.digest is not None:
            found.append(ObservedPrompt(use.name, target, use.digest, document))
    return found


def _without_none(**fields: Any) -> dict[str, Any]:
    """Return the fields that are not None, which is the default of all of them."""
    return {name: value for name, value in fields.items() if value is not None}


def _scrubbed(text: str | None) -> str | None:
    return None if text is None else scrub(text)


def _as_text(value: object) -> str:
    """Return a parameter or an attribute as text: a string as it is, any other value as JSON."""
    return value if isinstance(value, str) else to_json(value).decode()
