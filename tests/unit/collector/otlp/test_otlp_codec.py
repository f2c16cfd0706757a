"""OTLP requests in both encodings, and what is refused."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from google.protobuf import json_format
from google.rpc.error_details_pb2 import BadRequest
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from collector.api.otlp_codec import JSON, PROTOBUF, Encoding, decode_spans
from collector.api.otlp_responses import export_response, status_response
from collector.api.otlp_wire import PartLimits
from collector.domain.otlp.partial_success import PartialSuccess
from collector.domain.otlp.span import ExportedSpan, SpanEvent, SpanKey
from collector.domain.otlp.translation import INVALID_IDS, translate
from shared.problems import Problem, invalid
from tests.support.spans import SPAN, TRACE, export_request, otlp_json, span

ATTRIBUTES = {
    "text": "é", "flag": True, "count": 2**53, "half": 0.5, "list": ["a", 1, [2]], "object": {"a": {"b": None}},
}  # fmt: skip
FULL = span(
    ATTRIBUTES,
    parent="1" * 16,
    status="error",
    events=[SpanEvent("e", {"a": 1})],
    links=[SpanKey("a" * 32, "b" * 16)],
)


def encoded(spans: list[ExportedSpan], encoding: Encoding) -> bytes:
    request = export_request(spans)
    return json.dumps(otlp_json(request)).encode() if encoding == JSON else request.SerializeToString()


@pytest.mark.parametrize("encoding", [JSON, PROTOBUF])
def test_span_is_read_from_both_encodings(encoding: Encoding) -> None:
    found, root = decode_spans(encoded([FULL, span()], encoding), encoding)
    assert found._replace(size=500) == FULL
    assert found.size > 100
    assert root.parent is None


@pytest.mark.parametrize("encoding", [JSON, PROTOBUF])
def test_empty_request_has_no_spans(encoding: Encoding) -> None:
    assert decode_spans(b"{}" if encoding == JSON else b"", encoding) == []


def test_upper_case_ids_and_unknown_fields_of_json() -> None:
    document = otlp_json(export_request([span()]))
    it = document["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
    it |= {"traceId": TRACE.upper(), "newField": {"a": 1}}
    assert decode_spans(json.dumps(document).encode(), JSON)[0].key == span().key


@pytest.mark.parametrize("bad", ["zz", "0", "", TRACE[:-1] + "g", TRACE[:-1], " ".join((TRACE, "")), "é", 5, [], {}])
@pytest.mark.parametrize("name", ["traceId", "spanId"])
def test_invalid_id_of_json_rejects_its_span_alone(name: str, bad: object) -> None:
    document = otlp_json(export_request([span(), span(id="1" * 16), span(id="2" * 16)]))
    document["resourceSpans"][1]["scopeSpans"][0]["spans"][0][name] = bad
    found = translate(decode_spans(json.dumps(document).encode(), JSON))
    assert [item.span_index for item in found.items] == [0, 2]
    assert found.rejected == {1: INVALID_IDS}


@pytest.mark.parametrize("bad", ["zz", "ab", "", None, 5])
def test_invalid_parent_of_json_is_a_parent_that_is_not_known(bad: object) -> None:
    document = otlp_json(export_request([span(), span(id="1" * 16, parent=SPAN)]))
    document["resourceSpans"][1]["scopeSpans"][0]["spans"][0]["parentSpanId"] = bad
    found = translate(decode_spans(json.dumps(document).encode(), JSON))
    assert (len(found.items), found.rejected, "parent_id" in found.items[1].body) == (2, {}, False)


def test_bytes_empty_values_and_nul() -> None:
    (found,) = decode_spans(encoded([span({"b": b"x", "none": None, "t\0": "a\0b"})], PROTOBUF), PROTOBUF)
    assert found.attributes == {"t\ufffd": "a\ufffdb"}


def test_last_of_a_repeated_attribute_counts() -> None:
    request = export_request([span({"a": "x"})])
    attributes = request.resource_spans[0].scope_spans[0].spans[0].attributes
    attributes.add(key="a").value.string_value = "y"
    assert decode_spans(request.SerializeToString(), PROTOBUF)[0].attributes == {"a": "y"}


_DEEP = b'{"resourceSpans": ' + b"[" * 500 + b"]" * 500 + b"}"


@pytest.mark.parametrize(
    "content",
    [
        b"", b"x", b"[]", b"null", b'"x"', b"{", b'{"resourceSpans": 5}', b'{"resourceSpans": [5]}', b"\xff", _DEEP,
        b'{"resourceSpans": [{"scopeSpans": {"a": 1}}]}', b'{"resourceSpans": [{"scopeSpans": [{"spans": [7]}]}]}',
        b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"links": 5}]}]}]}',
        b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"startTimeUnixNano": "soon"}]}]}]}',
        b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"startTimeUnixNano": NaN}]}]}]}',
        b'{"resourceSpans": [{"resource": {"attributes": [{"key": "a", "value": {"intValue": "x"}}]}}]}',
    ],
)  # fmt: skip
def test_other_json_is_refused(content: bytes) -> None:
    with pytest.raises(Problem) as refused:
        decode_spans(content, JSON)
    assert status_response(refused.value, JSON).status == 400


def _cut(content: bytes) -> bytes:
    return content[:-1]


def _invalid_utf8(content: bytes) -> bytes:
    return content.replace("é".encode(), b"\xff\xfe")


def _deep(_: bytes) -> bytes:
    nested = b""
    for _level in range(200):
        nested = (
            b"\x2a" + _varint(len(nested) + 1 + len(_varint(len(nested)))) + b"\x0a" + _varint(len(nested)) + nested
        )
    value = b"\x0a\x01a\x12" + _varint(len(nested)) + nested
    return _field(0x0A, _field(0x12, _field(0x12, _field(0x4A, value))))


def _group(_: bytes) -> bytes:
    return b"\x0b\x0c"


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def _field(tag: int, content: bytes) -> bytes:
    return bytes([tag]) + _varint(len(content)) + content


@pytest.mark.parametrize("damage", [_cut, _invalid_utf8, _deep, _group, lambda _: b"{}", lambda _: b"\xff" * 20])
def test_other_protobuf_is_refused(damage: Callable[[bytes], bytes]) -> None:
    with pytest.raises(Problem) as refused:
        decode_spans(damage(encoded([FULL], PROTOBUF)), PROTOBUF)
    assert refused.value.status == 400


def _many(**parts: list[Any]) -> dict[str, Any]:
    """Return a request of one span with these parts."""
    return {"resourceSpans": [{"scopeSpans": [{"spans": [parts]}]}]}


LIMITS = PartLimits(spans=3, parts=20)
_EMPTY: list[Any] = [{}] * 41
TOO_MANY: dict[str, dict[str, Any]] = {
    "spans": {"resourceSpans": [{"scopeSpans": [{"spans": [{}] * 4}]}]},
    "resources": {"resourceSpans": _EMPTY},
    "scopes": {"resourceSpans": [{"scopeSpans": _EMPTY}]},
    "attributes": _many(attributes=_EMPTY),
    "events": _many(events=_EMPTY),
    "values": _many(attributes=[{"key": "a", "value": {"arrayValue": {"values": _EMPTY}}}]),
    "attributes of a resource": {"resourceSpans": [{"resource": {"attributes": _EMPTY}}]},
}


@pytest.mark.parametrize("encoding", [JSON, PROTOBUF])
@pytest.mark.parametrize("parts", TOO_MANY)
def test_number_of_parts_is_limited(parts: str, encoding: Encoding) -> None:
    document = TOO_MANY[parts]
    request = json_format.ParseDict(document, ExportTraceServiceRequest())
    content = json.dumps(document).encode() if encoding == JSON else request.SerializeToString()
    with pytest.raises(Problem) as refused:
        decode_spans(content, encoding, LIMITS)
    assert (refused.value.status, refused.value.code) == (413, "too-large")


def test_full_success_leaves_partial_success_unset() -> None:
    assert export_response(PartialSuccess(), PROTOBUF)[:3] == (200, b"", b"application/x-protobuf")
    assert export_response(PartialSuccess(), JSON)[:3] == (200, b"{}", b"application/json")


def test_partial_success() -> None:
    result = PartialSuccess(2, "2 spans rejected. ")
    response = ExportTraceServiceResponse.FromString(export_response(result, PROTOBUF).body)
    assert (response.partial_success.rejected_spans, response.partial_success.error_message) == (2, "2 spans rejected.")
    assert json_format.Parse(export_response(result, JSON).body, ExportTraceServiceResponse()) == response


@pytest.mark.parametrize("encoding", [JSON, PROTOBUF])
@pytest.mark.parametrize(
    ("problem", "status", "code"),
    [
        (invalid("body", "is wrong"), 400, 3),
        (Problem(401, "unauthenticated", "Who are you?"), 401, 16),
        (Problem(429, "quota", "Too many", headers={"Retry-After": "3"}), 429, 8),
        (Problem(503, "busy", "Busy", headers={"Retry-After": "1"}), 503, 14),
        (Problem(418, "odd", "Odd"), 418, 2),
    ],
)
def test_refusal_is_a_status(problem: Problem, status: int, code: int, encoding: Encoding) -> None:
    response = status_response(problem, encoding)
    assert (response.status, response.media, response.headers) == (status, encoding.encode(), problem.headers)
    in_json = encoding == JSON
    found = json_format.Parse(response.body, Status()) if in_json else Status.FromString(response.body)
    assert (found.code, found.message.startswith(problem.title)) == (code, True)
    details = BadRequest()
    if problem.errors:
        found.details[0].Unpack(details)
    assert [violation.field for violation in details.field_violations] == [error["field"] for error in problem.errors]
