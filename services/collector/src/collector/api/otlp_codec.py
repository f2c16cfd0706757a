"""OTLP requests in both encodings of OTLP/HTTP: protobuf, and JSON with hexadecimal ids."""

import base64
import binascii
from collections.abc import Iterator
from typing import Any, Literal

from google.protobuf import json_format
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1 import trace_pb2

from collector.api.otlp_values import ValueReader
from collector.api.otlp_wire import PartCounter, PartLimits, TooManyParts, check_json, check_protobuf
from collector.domain.otlp.span import Attributes, ExportedSpan, SpanEvent, SpanKey, SpanStatus
from shared.problems import Problem, invalid
from shared.strict_json import strict_json

Encoding = Literal["application/x-protobuf", "application/json"]
PROTOBUF: Encoding = "application/x-protobuf"
JSON: Encoding = "application/json"

LIMITS = PartLimits()
_STATUSES: dict[int, SpanStatus] = {trace_pb2.Status.STATUS_CODE_OK: "ok", trace_pb2.Status.STATUS_CODE_ERROR: "error"}
_IDS = ("traceId", "spanId", "parentSpanId")
_MALFORMED = (json_format.ParseError, ValueError, TypeError, AttributeError, KeyError, RecursionError)
"""What protobuf's JSON reader raises for a document of another shape."""


def decode_spans(content: bytes, encoding: Encoding, limits: PartLimits = LIMITS) -> list[ExportedSpan]:
    """Return the spans of a request. Raises Problem 400 or 422 for another content, 413 for too many spans or parts."""
    try:
        request = (_from_json if encoding == JSON else _from_protobuf)(content, limits)
        reader = ValueReader(PartCounter(limits.parts))
        return [span for resource in request.resource_spans for span in _spans(resource, reader)]
    except TooManyParts:
        detail = f"body: must have at most {limits.spans} spans, and {limits.parts} attributes, events and other parts"
        raise Problem(413, "too-large", "The request is too large", detail) from None


def _from_protobuf(content: bytes, limits: PartLimits) -> ExportTraceServiceRequest:
    try:
        check_protobuf(content, limits)
        return ExportTraceServiceRequest.FromString(content)
    except (DecodeError, ValueError) as error:
        raise _undecodable("protobuf") from error


def _from_json(content: bytes, limits: PartLimits) -> ExportTraceServiceRequest:
    document = strict_json(content)
    if not isinstance(document, dict):
        raise _undecodable("JSON")
    try:
        check_json(document, limits)
        spans = list(_json_spans(document))
        if len(spans) > limits.spans:
            raise TooManyParts
        for span in spans:
            _encode_ids(span)
        return json_format.ParseDict(document, ExportTraceServiceRequest(), ignore_unknown_fields=True)
    except _MALFORMED as error:
        raise _undecodable("JSON") from error


def _undecodable(encoding: str) -> Problem:
    return invalid("body", f"must be an ExportTraceServiceRequest of OTLP in {encoding}", 400)


def _json_spans(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for resource in document.get("resourceSpans") or ():
        for scope in resource.get("scopeSpans") or ():
            yield from scope.get("spans") or ()


def _encode_ids(span: dict[str, Any]) -> None:
    """Replace the hexadecimal ids of a span and of its links by Base64, which protobuf's JSON reader expects.

    What is not hexadecimal becomes an empty id, which is as invalid: translation rejects that span alone.
    """
    for holder in (span, *(span.get("links") or ())):
        for name in _IDS:
            if holder.get(name) is not None:
                holder[name] = base64.b64encode(_from_hex(holder[name])).decode()


def _from_hex(value: Any) -> bytes:
    """Return the bytes of an id; none for what is not hexadecimal text."""
    try:
        return binascii.unhexlify(value) if isinstance(value, str) else b""
    except ValueError:
        return b""


def _spans(resource: trace_pb2.ResourceSpans, reader: ValueReader) -> Iterator[ExportedSpan]:
    shared_attributes = reader.attributes(resource.resource.attributes)
    for scope in resource.scope_spans:
        for span in scope.spans:
            yield _span(span, shared_attributes, reader)


def _span(span: trace_pb2.Span, resource: Attributes, reader: ValueReader) -> ExportedSpan:
    trace_id = span.trace_id.hex()
    is_child = any(span.parent_span_id)
    return ExportedSpan(
        SpanKey(trace_id, span.span_id.hex()),
        SpanKey(trace_id, span.parent_span_id.hex()) if is_child else None,
        span.start_time_unix_nano,
        span.end_time_unix_nano,
        _STATUSES.get(span.status.code, "unset"),
        reader.attributes(span.attributes),
        tuple(SpanEvent(it.name, reader.attributes(it.attributes), it.time_unix_nano) for it in span.events),
        tuple(SpanKey(link.trace_id.hex(), link.span_id.hex()) for link in span.links),
        resource,
        span.ByteSize(),
    )
