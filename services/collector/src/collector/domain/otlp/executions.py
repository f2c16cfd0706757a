"""The execution of a span, as `POST /v1/executions` would get it. Pure."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from collector.domain.otlp import span_fields
from collector.domain.otlp.conventions import CONSENT, DETAILS_EVENT, OWN_PROMPT, SERVICE, SOURCES, TARGET
from collector.domain.otlp.data_class import confidentiality, region
from collector.domain.otlp.outcome import latency_ms, occurred_at, outcome, time_to_first_token_ms
from collector.domain.otlp.retrieved_contexts import Document
from collector.domain.otlp.span import ExportedSpan, SpanKey
from collector.domain.otlp.transcript import INPUTS, OUTPUTS, read_transcript
from ratchet.prompt import PromptError, prompt_name

_TOKENS = tuple(name.removeprefix("usage.") for name in SOURCES if name.startswith("usage."))


def target_of(span: ExportedSpan) -> Any:
    """Return the target of a span: its own attribute, that of the resource, or the name of the service."""
    return span.attributes.get(TARGET) or span.resource.get(TARGET) or span.resource.get(SERVICE)


class CallSurroundings(NamedTuple):
    """What other spans tell about a call: the call above it, retrieved documents, calls of tools, and scores."""

    parent: SpanKey | None = None
    contexts: Sequence[Document] = ()
    tools: Sequence[Mapping[str, Any]] = ()
    scores: Mapping[str, float] = MappingProxyType({})


ALONE = CallSurroundings()


def execution_body(span: ExportedSpan, surroundings: CallSurroundings = ALONE) -> dict[str, Any]:
    """Return the body of an execution, without the fields that the span does not have."""
    span = with_details(span)
    usage = {name: count for name in _TOKENS if (count := span_fields.count_field(span, f"usage.{name}")) is not None}
    cost = span_fields.cost(span)
    found: dict[str, Any] = {
        "id": span.key.execution_id,
        "trace_id": span.key.trace_id,
        "parent_id": surroundings.parent and surroundings.parent.execution_id,
        "target": target_of(span),
        "prompts": _prompts(span),
        "input": read_transcript(span, INPUTS),
        "output": read_transcript(span, OUTPUTS),
        "usage": usage,
        "cost": cost,
        "currency": None if cost is None else span_fields.text_field(span, "currency"),
        "latency_ms": latency_ms(span),
        "time_to_first_token_ms": time_to_first_token_ms(span),
        "outcome": outcome(span),
        "occurred_at": occurred_at(span),
        "parameters": span_fields.parameters(span),
        "tools": [it["name"] if it.keys() == {"name"} else dict(it) for it in surroundings.tools],
        "contexts": list(surroundings.contexts),
        "scores": dict(surroundings.scores),
        "attributes": span_fields.attributes(span),
        "consent": _consent(span),
        "region": region(span),
        "confidentiality": confidentiality(span),
        **{name: span_fields.text_field(span, name) for name in ("model", "session", "user", "arm")},
    }
    return {name: value for name, value in found.items() if value is not None and value not in ([], {})}


def with_details(span: ExportedSpan) -> ExportedSpan:
    """Return the span with the attributes of its details event, where it lacks them."""
    details: dict[str, Any] = {}
    for event in span.events:
        if event.name == DETAILS_EVENT:
            details |= event.attributes
    return span._replace(attributes={**details, **span.attributes}) if details else span


def _prompts(span: ExportedSpan) -> list[dict[str, Any]]:
    """Return the prompt in use. One of which only the version or the digest is known has the name of the target."""
    parts = {part: span_fields.text_field(span, f"prompts.{part}") for part in ("name", "version", "digest")}
    given: dict[str, Any] = {part: value for part, value in parts.items() if value is not None}
    if not given:
        return []
    prompt = {"name": target_of(span), **given}
    return [prompt] if OWN_PROMPT in span.attributes or _is_prompt_name(prompt["name"]) else []


def _is_prompt_name(name: Any) -> bool:
    """Return whether a name is one that Ratchet accepts: another tool's names may be longer, or have commas."""
    try:
        prompt_name(name)
    except PromptError:
        return False
    return True


def _consent(span: ExportedSpan) -> dict[str, bool]:
    found = {purpose: _flag(span, f"{CONSENT}{purpose}") for purpose in ("quality", "learning")}
    return {purpose: given for purpose, given in found.items() if given is not None}


def _flag(span: ExportedSpan, name: str) -> bool | None:
    """Return a flag of the span or of its resource, whose attributes environment variables set as text."""
    value = span.attributes.get(name, span.resource.get(name))
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value.lower())
    return value if isinstance(value, bool) else None
