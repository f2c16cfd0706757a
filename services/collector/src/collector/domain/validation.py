"""From a parsed body to an item that may be kept: checked, scrubbed, its users hashed. Pure."""

from hashlib import blake2b
from typing import Any

from pydantic_core import to_json

from collector.domain.feedback_values import read_value
from collector.domain.model import IngestItem, NewExecution, NewFeedback, ObservedPrompt, feedback_slot, key_hash
from collector.domain.pii.scrub import scrub
from collector.domain.request_context import RequestContext, Route, read
from collector.domain.schemas import TEXT_LIMIT, ExecutionBody, FeedbackBody, PromptBody, Scoped
from ratchet.prompt import PromptError, parse
from shared.events.message import MAX_PAYLOAD
from shared.problems import Problem, invalid
from shared.strict_json import strict_json

MAX_FEEDBACK = 130_000
"""Bytes of JSON: what the longest text needs when each of its characters is escaped, and the rest."""
MAX_EXECUTION = MAX_PAYLOAD - MAX_FEEDBACK - 2_000
"""Bytes of JSON. A feedback carries its execution's facts: both together must fit into one message."""


MAX_ITEMS = 1000
_NUMBERS = ("usage", "cost", "latency_ms", "scores")
_CONTENTS = ("contexts", "tools", "parameters")
REST = (*_NUMBERS, *_CONTENTS)
"""The fields of an execution outside its facts."""


def read_request(route: Route, content: bytes, sender: RequestContext) -> IngestItem | list[IngestItem | Problem]:
    """What a request's content stands for: one item, or of an array one item or refusal each. Raises Problem."""
    body = strict_json(content)
    if isinstance(body, dict):
        return read_item(route, body, sender)
    if not isinstance(body, list):
        raise invalid("body", "must be an object or an array of objects")
    if not 1 <= len(body) <= MAX_ITEMS:
        raise invalid("body", f"an array holds 1 to {MAX_ITEMS} items")
    return [_read_element(route, value, sender, index) for index, value in enumerate(body)]


def read_completion(content: bytes, sender: RequestContext, execution_id: str) -> IngestItem:
    """The execution in a request that names its id. Raises Problem."""
    body = strict_json(content)
    if not isinstance(body, dict):
        raise invalid("body", "must be an object")
    if (given := body.get("id")) is not None and str(given) != execution_id:
        raise invalid("id", "is not the id of the path")
    return read_execution({**body, "id": execution_id}, sender)


def _read_element(route: Route, value: object, sender: RequestContext, index: int) -> IngestItem | Problem:
    try:
        if not isinstance(value, dict):
            raise invalid("body", "must be an object")
        return read_item(route, value, sender, index)
    except Problem as problem:
        return problem


def read_item(route: Route, item: object, sender: RequestContext, index: int = 0) -> IngestItem:
    """The item that `item`, a parsed JSON value, stands for. Raises Problem, which names the field."""
    return read_feedback(item, sender, index) if route == "feedback" else read_execution(item, sender, index)


def read_feedback(item: object, sender: RequestContext, index: int = 0) -> NewFeedback:
    body: FeedbackBody = read(FeedbackBody, item)
    origin = sender.origin
    if body.execution_id is None and body.trace_id is None:
        raise invalid("execution_id", "feedback needs an execution_id or a trace_id")
    if body.kind == "score" and body.name is None:
        raise invalid("name", "a score needs a name")
    sender.check_scope(body)
    value = read_value(body.kind, body.value)
    own = None if body.id is None else str(body.id)
    event_id, claims = sender.identify("feedback", item, own, index)
    feedback_id = own or event_id
    user = sender.user(body.user)
    about = ("execution", body.execution_id) if body.execution_id else ("trace", str(body.trace_id))
    label = value.label and scrub(value.label)
    occurred_at, skew = sender.moment(body.occurred_at)
    created = _filled(
        feedback_id=feedback_id, kind=body.kind, source=body.source, key_scope=sender.key_scope, name=body.name,
        value=value.number, label=label, text=value.text and scrub(value.text), user=user,
        occurred_at=occurred_at, clock_skew_s=skew, **_common(body, sender),
    )  # fmt: skip
    reference = key_hash(origin.project, origin.environment, *about)
    slot = feedback_slot(reference, created)
    feedback = NewFeedback(origin, feedback_id, event_id, claims, to_json(created), reference, slot)
    if body.consent is None or body.consent.quality is not False:
        feedback.value, feedback.label = value.number, label
    return feedback


def read_execution(item: object, sender: RequestContext, index: int = 0) -> NewExecution:
    body: ExecutionBody = read(ExecutionBody, item)
    origin = sender.origin
    sender.check_scope(body)
    _check_sizes(body)
    event_id, claims = sender.identify("executions", item, body.id, index)
    execution_id = body.id or str(event_id)
    sightings = tuple(_sightings(body.prompts, body.target))
    facts = to_json(_facts(body, sender, execution_id))
    recorded = _recorded(body, sender)
    payload = b'{"facts":' + facts + b"," + to_json(recorded)[1:]
    if len(payload) > MAX_EXECUTION:
        raise _too_large()
    place = (origin.project, origin.environment)
    root = body.trace_id is not None and body.parent_id is None
    return NewExecution(
        origin, execution_id, event_id, claims, payload, body.target, key_hash(*place, "execution", execution_id),
        key_hash(*place, "trace", str(body.trace_id)) if root else None, facts, to_json(_values(recorded)), sightings,
    )  # fmt: skip


def _check_sizes(body: ExecutionBody) -> None:
    """Refuse what is too large before its texts are scrubbed. Raises Problem 413 or 422."""
    total = len(body.input or "") + len(body.output or "") + sum(map(len, body.contexts))
    for field, members in (("attributes", body.attributes), ("parameters", body.parameters)):
        for name, value in members.items():
            size = len(value) if isinstance(value, str) else 0
            if size > TEXT_LIMIT:
                raise invalid(f"{field}.{name}", f"longer than {TEXT_LIMIT} characters")
            total += size
    if total > MAX_EXECUTION:
        raise _too_large()


def _too_large() -> Problem:
    return invalid("body", f"an execution of more than {MAX_EXECUTION} bytes fits into no message", 413)


def _common(body: Scoped, sender: RequestContext) -> dict[str, Any]:
    origin = sender.origin
    return {
        "project": origin.project,
        "environment": origin.environment,
        "received_at": origin.received_at,
        "consent": _consent(body),
    }


def _consent(body: Scoped) -> dict[str, bool | None] | None:
    given = body.consent
    return None if given is None else {"quality": given.quality, "learning": given.learning}


def _facts(body: ExecutionBody, sender: RequestContext, execution_id: str) -> dict[str, Any]:
    """`shared.events.feedback.ExecutionFacts`, as a dictionary."""
    occurred_at, skew = sender.moment(body.occurred_at)
    return _filled(
        execution_id=execution_id, trace_id=body.trace_id, parent_id=body.parent_id,
        prompts=[_filled(name=use.name, digest=use.digest, version=use.version) for use in body.prompts],
        model=body.model, arm=body.arm, user=sender.user(body.user), session=_scrubbed(body.session),
        input=_scrubbed(body.input), output=_scrubbed(body.output), outcome=body.outcome,
        attributes={name: scrub(_plain(value)) for name, value in body.attributes.items() if value is not None},
        consent=_consent(body), occurred_at=occurred_at, clock_skew_s=skew,
    )  # fmt: skip


def _recorded(body: ExecutionBody, sender: RequestContext) -> dict[str, Any]:
    """`shared.events.feedback.ExecutionRecorded` but for its facts, as a dictionary."""
    origin = sender.origin
    return _filled(
        project=origin.project, environment=origin.environment, target=body.target, received_at=origin.received_at,
        contexts=[scrub(context) for context in body.contexts], tools=body.tools,
        parameters={name: scrub(_plain(value)) for name, value in body.parameters.items()},
        usage=body.usage and body.usage.model_dump(), cost=body.cost, latency_ms=body.latency_ms, scores=body.scores,
    )  # fmt: skip


def _values(recorded: dict[str, Any]) -> dict[str, Any]:
    """What a completion is compared with, of the fields outside the facts; of texts and lists a hash is enough."""
    values = {name: recorded[name] for name in _NUMBERS if recorded.get(name) not in (None, {})}
    for name in _CONTENTS:
        if recorded[name]:
            values[name] = blake2b(to_json(recorded[name]), digest_size=16).hexdigest()
    return values


def _sightings(prompts: list[PromptBody], target: str) -> list[ObservedPrompt]:
    """The prompts whose content has an identity. Raises Problem where a document's digest is not the one claimed."""
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


def _filled(**fields: Any) -> dict[str, Any]:
    """The fields that say something: an event's defaults mean the same as absence."""
    return {name: value for name, value in fields.items() if value is not None}


def _scrubbed(text: str | None) -> str | None:
    return None if text is None else scrub(text)


def _plain(value: object) -> str:
    """A parameter or an attribute as text: JSON, but a string stands for itself."""
    return value if isinstance(value, str) else to_json(value).decode()
