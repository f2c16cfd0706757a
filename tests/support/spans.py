"""Spans of the conventions for LLM calls, as their instrumentations record them, and export requests of them."""

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1 import trace_pb2

from collector.domain.otlp.span import ExportedSpan, SpanEvent, SpanKey, SpanStatus

TRACE = "0af7651916cd43dd8448eb211c80319c"
SPAN = "b7ad6b7169203331"
START = 1_764_000_000_000_000_000
RESOURCE = {"service.name": "support-bot"}
MODEL = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o"}


def span(
    attributes: Mapping[str, Any] = MODEL,
    *,
    id: str = SPAN,
    parent: str | None = None,
    trace: str = TRACE,
    start: int = START,
    milliseconds: float = 250.0,
    status: SpanStatus = "unset",
    events: Sequence[SpanEvent] = (),
    links: Sequence[SpanKey] = (),
    resource: Mapping[str, Any] = RESOURCE,
) -> ExportedSpan:
    """Return a span as the mapping reads it."""
    above = None if parent is None else SpanKey(trace, parent)
    end = start + int(milliseconds * 1e6)
    return ExportedSpan(
        SpanKey(trace, id), above, start, end, status, attributes, tuple(events), tuple(links), resource, 500
    )


def export_request(spans: Sequence[ExportedSpan]) -> ExportTraceServiceRequest:
    """Return the export request of spans, each with its own resource."""
    request = ExportTraceServiceRequest()
    for it in spans:
        resource = request.resource_spans.add()
        resource.resource.attributes.extend(_pairs(it.resource))
        resource.scope_spans.add().spans.append(_message(it))
    return request


def otlp_json(request: ExportTraceServiceRequest) -> dict[str, Any]:
    """Return a request in OTLP's JSON form."""
    document: dict[str, Any] = json_format.MessageToDict(request, use_integers_for_enums=True)
    for resource in document.get("resourceSpans", []):
        for scope in resource["scopeSpans"]:
            for it in scope["spans"]:
                for holder in (it, *it.get("links", [])):
                    for name in {"traceId", "spanId", "parentSpanId"} & holder.keys():
                        holder[name] = base64.b64decode(holder[name]).hex()
    return document


def _message(it: ExportedSpan) -> trace_pb2.Span:
    codes = {"unset": 0, "ok": 1, "error": 2}
    return trace_pb2.Span(
        trace_id=bytes.fromhex(it.key.trace_id),
        span_id=bytes.fromhex(it.key.span_id),
        parent_span_id=bytes.fromhex(it.parent.span_id) if it.parent else b"",
        name="span",
        start_time_unix_nano=it.start,
        end_time_unix_nano=it.end,
        attributes=_pairs(it.attributes),
        events=[
            trace_pb2.Span.Event(name=name, attributes=_pairs(attributes), time_unix_nano=time)
            for name, attributes, time in it.events
        ],
        links=[
            trace_pb2.Span.Link(trace_id=bytes.fromhex(link.trace_id), span_id=bytes.fromhex(link.span_id))
            for link in it.links
        ],
        status=trace_pb2.Status(code=codes[it.status]),  # type: ignore[arg-type]
    )


def _pairs(attributes: Mapping[str, Any]) -> list[KeyValue]:
    return [KeyValue(key=name, value=any_value(value)) for name, value in attributes.items()]


def any_value(value: Any) -> AnyValue:
    """Return a value as protobuf."""
    match value:
        case bool():
            return AnyValue(bool_value=value)
        case int():
            return AnyValue(int_value=value)
        case float():
            return AnyValue(double_value=value)
        case str():
            return AnyValue(string_value=value)
        case bytes():
            return AnyValue(bytes_value=value)
        case Mapping():
            found = AnyValue()
            found.kvlist_value.values.extend(_pairs(value))
            return found
        case list() | tuple():
            found = AnyValue()
            found.array_value.values.extend(any_value(inner) for inner in value)
            return found
    return AnyValue()
