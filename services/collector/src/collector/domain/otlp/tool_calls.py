"""Calls of tools, from the model's output and from the spans of tools. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from pydantic_core import to_json

from collector.domain.otlp import conventions
from collector.domain.otlp.executions import with_details
from collector.domain.otlp.flattened import first, is_name
from collector.domain.otlp.outcome import latency_ms, outcome
from collector.domain.otlp.span import ExportedSpan, SpanKey
from collector.domain.otlp.transcript import OUTPUTS, read_transcript

MAX_TOOL_CALLS = 100


class SpanToolCall(NamedTuple):
    """A call of a tool: its id, if it has one, and the body that `POST /v1/executions` would get of it."""

    id: str | None
    body: dict[str, Any]


def tool_calls_of(
    calls: Iterable[ExportedSpan], tool_spans: Iterable[ExportedSpan]
) -> dict[SpanKey, list[dict[str, Any]]]:
    """Return the tool calls of each call of a model: those in its output, with what the spans of tools know of them.

    The span of a tool belongs to the call of its trace whose output has its id, else to the last one that ended before
    the tool began. There, it is the call with its id, else the first of its name without a span, else a further one.
    """
    by_trace: dict[str, list[ExportedSpan]] = defaultdict(list)
    found: dict[SpanKey, list[SpanToolCall]] = {}
    for call in calls:
        by_trace[call.key.trace_id].append(call)
        found[call.key] = list(_requested(read_transcript(with_details(call), OUTPUTS)))[:MAX_TOOL_CALLS]
    by_id: dict[tuple[str, str | None], SpanKey] = {
        (key.trace_id, it.id): key for key, requested in found.items() for it in requested if it.id
    }
    for trace in by_trace.values():
        trace.sort(key=lambda span: span.end)
    for span in tool_spans:
        made = _made(span)
        if made is None:
            continue
        before = [it.key for it in by_trace.get(span.key.trace_id, ()) if it.end <= span.start]
        key = by_id.get((span.key.trace_id, made.id)) or (before[-1] if before else None)
        if key is not None:
            _add(found[key], made)
    return {key: [it.body for it in requested] for key, requested in found.items() if requested}


def _requested(output: Any) -> Iterator[SpanToolCall]:
    """Yield the tool calls in the messages of an output."""
    for message in output if isinstance(output, list) else ():
        if not isinstance(message, Mapping):
            continue
        for holder in (message.get("content"), message.get("tool_calls")):
            for part in holder if isinstance(holder, list) else ():
                if isinstance(part, Mapping) and (call := _call(part)) is not None:
                    yield call


def _call(part: Mapping[str, Any]) -> SpanToolCall | None:
    function = part.get("function")
    inner = function if isinstance(function, Mapping) else part
    arguments = next((inner[name] for name in ("arguments", "input", "args") if inner.get(name) is not None), None)
    if not is_name(inner.get("name")) or (arguments is None and inner is part):
        return None
    own = part.get("id")
    return SpanToolCall(own if isinstance(own, str) and own else None, _body(inner["name"], arguments=arguments))


def _made(span: ExportedSpan) -> SpanToolCall | None:
    """Return what the span of a tool knows of its call."""
    known = {field: first(span.attributes, names) for field, names in conventions.TOOL_CALLS.items()}
    if not is_name(known["name"]):
        return None
    body = _body(
        known["name"], arguments=known["arguments"], result=known["result"], outcome=outcome(span),
        latency_ms=latency_ms(span),
    )  # fmt: skip
    return SpanToolCall(known["id"] if isinstance(known["id"], str) else None, body)


def _add(calls: list[SpanToolCall], made: SpanToolCall) -> None:
    same = [index for index, it in enumerate(calls) if made.id is not None and it.id == made.id]
    unmatched = [(index, it) for index, it in enumerate(calls) if it.id is None and "outcome" not in it.body]
    same += [index for index, it in unmatched if it.body["name"] == made.body["name"]]
    if same:
        calls[same[0]] = SpanToolCall(calls[same[0]].id, made.body | calls[same[0]].body)
    elif len(calls) < MAX_TOOL_CALLS:
        calls.append(made)


def _body(name: str, **known: Any) -> dict[str, Any]:
    return {"name": name, **{field: value for field, value in known.items() if value is not None and value != ""}}


def size_of(calls: Sequence[Mapping[str, Any]]) -> int:
    """Return about the bytes of tool calls."""
    return sum(len(to_json(call)) for call in calls)
