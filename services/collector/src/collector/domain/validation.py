"""Validation: from a request's content to items that are checked, scrubbed, and have pseudonyms for users. Pure."""

from hashlib import blake2b
from typing import Any

from msgspec.json import encode
from pydantic_core import to_json

from collector.domain.body_parser import as_dict, read_execution
from collector.domain.execution_keys import session_key, version_key
from collector.domain.feedback_items import parse_feedback
from collector.domain.feedback_schema import TEXT_LIMIT
from collector.domain.model import IngestItem, NewExecution, ObservedPrompt, key_hash
from collector.domain.request_context import RequestContext, Route
from collector.domain.schemas import ExecutionBody, PromptBody
from collector.domain.structured_fields import (
    as_text,
    check_contexts,
    present,
    recorded_contexts,
    recorded_tools,
    text_lengths,
)
from ratchet.prompt import PromptError, parse
from shared.events.feedback import US_DOLLARS
from shared.events.message import MAX_PAYLOAD
from shared.pii.scrub import scrub
from shared.problems import Problem, invalid
from shared.strict_json import strict_json

MAX_FEEDBACK = 130_000
"""Bytes of JSON: the longest text with each character escaped, and the other fields."""
MAX_EXECUTION = MAX_PAYLOAD - MAX_FEEDBACK - 2_000
"""Bytes of JSON. A feedback event contains its execution's facts: both must fit into one message."""

MAX_ITEMS = 1000
_NUMBERS = ("usage", "cost", "latency_ms", "time_to_first_token_ms", "scores")
_CONTENTS = ("contexts", "tools", "parameters")
REST = (*_NUMBERS, *_CONTENTS)
"""The fields of an execution outside its facts."""
COMPANIONS = {"cost": "currency", "contexts": "context_details", "tools": "tool_details"}
"""Field → a field without which it is not the same value: both are completed together, or none."""


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


def parse_object(route: Route, content: bytes, context: RequestContext, index: int = 0) -> IngestItem:
    """Return the item of an object, the element `index` of a body with several. Raises Problem, also for an array."""
    body = strict_json(content)
    if not isinstance(body, dict):
        raise invalid("body", "must be an object")
    return parse_item(route, body, context, index)


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


def parse_execution(item: object, context: RequestContext, index: int = 0) -> NewExecution:
    """Return the execution of a parsed JSON object, the element `index` of its array. Raises Problem."""
    body = read_execution(item)
    origin = context.origin
    context.check_scope(body)
    if body.currency is not None and body.cost is None:
        raise invalid("currency", "is that of a cost, which is missing")
    _check_sizes(body)
    event_id, claims = context.identify("executions", item, body.id, index)
    execution_id = body.id or str(event_id)
    observed_prompts = tuple(_observed_prompts(body.prompts, body.target))
    known = _facts(body, context, execution_id)
    facts = encode(known)
    recorded = _recorded(body, context)
    payload = b'{"facts":' + facts + b"," + encode(recorded)[1:]
    if len(payload) > MAX_EXECUTION:
        raise _too_large()
    scope = (origin.project, origin.environment)
    root = body.trace_id is not None and body.parent_id is None
    return NewExecution(
        origin, execution_id, event_id, claims, payload, body.target, key_hash(*scope, "execution", execution_id),
        key_hash(*scope, "trace", str(body.trace_id)) if root else None, session_key(known, scope),
        version_key(body), facts, encode(_values(recorded)),
        observed_prompts, known.get("user"),
    )  # fmt: skip


def _check_sizes(body: ExecutionBody) -> None:
    """Check contexts, and sizes before texts are scrubbed. Raises Problem 413 or 422."""
    total = len(body.input or "") + len(body.output or "")
    if body.contexts or body.tools:
        check_contexts(body.contexts)
        total += text_lengths(body.contexts, body.tools)
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
        attributes={name: scrub(as_text(value)) for name, value in body.attributes.items() if value is not None},
        consent=as_dict(body.consent), region=scrub(body.region.lower()) if body.region else None,
        confidentiality=body.confidentiality, occurred_at=occurred_at, clock_skew_s=skew,
    )  # fmt: skip


def _recorded(body: ExecutionBody, context: RequestContext) -> dict[str, Any]:
    """Return `shared.events.feedback.ExecutionRecorded` without its facts, as a dictionary."""
    origin = context.origin
    found = _without_none(
        project=origin.project, environment=origin.environment, target=body.target, received_at=origin.received_at,
        contexts=[], tools=[],
        parameters={name: scrub(as_text(value)) for name, value in body.parameters.items()},
        usage=None if body.usage is None else present(body.usage), cost=body.cost,
        currency=None if body.currency == US_DOLLARS else body.currency, latency_ms=body.latency_ms,
        time_to_first_token_ms=body.time_to_first_token_ms, scores=body.scores,
    )  # fmt: skip
    if body.contexts:
        found |= recorded_contexts(body.contexts)
    if body.tools:
        found |= recorded_tools(body.tools)
    return found


def _values(recorded: dict[str, Any]) -> dict[str, Any]:
    """Return the fields outside the facts as completions are compared with: numbers, and hashes of other values."""
    values = {name: recorded[name] for name in _NUMBERS if recorded.get(name) not in (None, {})}
    whole = {name: [recorded[name], recorded[more]] for name, more in COMPANIONS.items() if more in recorded}
    if "cost" in whole:
        values["cost"] = whole["cost"]
    for name in _CONTENTS:
        if recorded[name]:
            values[name] = blake2b(to_json(whole.get(name, recorded[name])), digest_size=16).hexdigest()
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
