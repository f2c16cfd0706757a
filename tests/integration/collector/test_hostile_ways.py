"""Invalid input on the other ways in: completions, newline-delimited JSON and OTLP; 200 bodies and more on all ways."""

import gzip
import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.collector.test_hostile_bodies import (
    GOOD,
    ODD_EXECUTIONS,
    ODD_FEEDBACK,
    ODD_FIELDS,
    ODD_JSON,
    assert_problem,
    cases,
    with_member,
)
from tests.support.spans import START

if TYPE_CHECKING:
    from tests.integration.collector.conftest import Running

NDJSON = {"Content_Type": "application/x-ndjson"}
SPAN: dict[str, Any] = {
    "traceId": "a" * 32, "spanId": "b" * 16, "name": "chat", "startTimeUnixNano": str(START),
    "endTimeUnixNano": str(START + 10**9),
    "attributes": [
        {"key": "gen_ai.operation.name", "value": {"stringValue": "chat"}},
        {"key": "gen_ai.request.model", "value": {"stringValue": "m"}},
    ],
}  # fmt: skip


def request(*spans: Any) -> dict[str, Any]:
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "answers"}}]}
    return {"resourceSpans": [{"resource": resource, "scopeSpans": [{"scope": {}, "spans": [*spans]}]}]}


COMPLETIONS = [({**GOOD["executions"], **odd}, field) for odd, field in [*ODD_FIELDS, *ODD_EXECUTIONS] if field != "id"]
LINES: list[tuple[str, bytes]] = [
    *(("feedback", json.dumps({**GOOD["feedback"], **odd}).encode()) for odd, _ in ODD_FEEDBACK),
    *(("executions", with_member("executions", member)) for member, _ in ODD_JSON),
    ("executions", b"{"), ("executions", b"[1]"), ("executions", b"null"), ("executions", b"\xff"),
]  # fmt: skip
REFUSED_OTLP: list[bytes] = [
    b"", b"{", b"[]", b"null", b"17", b'"x"', b"\xff\xfe", b'{"resourceSpans": 5}', b'{"resourceSpans": [5]}',
    b'{"resourceSpans": [{"scopeSpans": [{"spans": [5]}]}]}', b'{"resourceSpans": [[]]}',
    b'{"resourceSpans": [{"scopeSpans": {"a": 1}}]}', b'{"resourceSpans": [], "resourceSpans": []}',
    b'{"resourceSpans": [{"resource": NaN}]}', b"[" * 100_000, b'{"a":' * 100_000,
    json.dumps(request({**SPAN, "attributes": 5})).encode(), json.dumps(request({**SPAN, "name": {}})).encode(),
    json.dumps(request({**SPAN, "attributes": [{"key": 5}]})).encode(),
    json.dumps(request({**SPAN, "startTimeUnixNano": "soon"})).encode(),
    json.dumps(request({**SPAN, "startTimeUnixNano": -1})).encode(),
    json.dumps(request({**SPAN, "events": {"name": "x"}})).encode(),
    json.dumps(request({**SPAN, "attributes": [{"key": "a", "value": {"intValue": "x"}}]})).encode(),
    json.dumps(request({**SPAN, "attributes": [{"key": "a", "value": {"intValue": 2**70}}]})).encode(),
]  # fmt: skip
REJECTED_SPANS: list[dict[str, Any]] = [
    {"traceId": ""}, {"traceId": "xyz"}, {"traceId": "0" * 32}, {"spanId": ""}, {"spanId": "0" * 16},
    {"spanId": "b" * 15}, {"traceId": 5}, {"spanId": None},
]  # fmt: skip


def test_there_are_at_least_two_hundred_bodies_by_hand() -> None:
    ways = {"posts": cases(), "completions": COMPLETIONS, "lines": LINES, "otlp": [*REFUSED_OTLP, *REJECTED_SPANS]}
    assert {way: len(bodies) >= 30 for way, bodies in ways.items()} == dict.fromkeys(ways, True)
    assert sum(map(len, ways.values())) >= 300


async def test_invalid_completions_are_rejected(collector: "Running") -> None:
    for body, field in COMPLETIONS:
        assert_problem(await collector.put("e1", body), field)
    assert (await collector.put("e1", {"target": "answers", "output": "fine"})).status_code == 200
    assert len(collector.events("execution.recorded")) == 1


@pytest.mark.parametrize("zipped", [False, True])
async def test_invalid_lines_are_rejected_and_their_neighbours_are_not(collector: "Running", zipped: bool) -> None:
    for route in GOOD:
        bad = [line for of, line in LINES if of == route and b"\n" not in line]
        good = [json.dumps({**GOOD[route], "user": f"u{number}", "id": None}).encode() for number in range(len(bad))]
        body = b"\n".join(line for pair in zip(bad, good, strict=True) for line in pair)
        coding = {"Content_Encoding": "gzip"} if zipped else {}
        answer = await collector.post(route, gzip.compress(body) if zipped else body, **NDJSON, **coding)
        assert answer.status_code == 207, answer.text[:500]
        *results, totals = [json.loads(line) for line in answer.text.splitlines()]
        assert [each["status"] for each in results[::2]] == ["refused"] * len(bad)
        assert [each["status"] for each in results[1::2]] == ["accepted"] * len(good)
        assert (totals["accepted"], totals["refused"], totals["failed"]) == (len(good), len(bad), 0)


async def test_invalid_otlp_is_refused_as_a_whole(collector: "Running") -> None:
    for body in REFUSED_OTLP:
        answer = await collector.post("traces", body)
        assert answer.status_code == 400, (body[:200], answer.text)
        assert {"code", "message"} <= answer.json().keys()
        raw = await collector.post("traces", b"\xff" + body[:100], Content_Type="application/x-protobuf")
        assert raw.status_code == 400, body[:200]
    assert collector.events("execution.recorded") == []


async def test_invalid_spans_are_rejected_alone(collector: "Running") -> None:
    for odd in REJECTED_SPANS:
        answer = await collector.post("traces", request({**SPAN, **odd}))
        assert answer.status_code == 200, (odd, answer.text)
        assert answer.json()["partialSuccess"]["rejectedSpans"] in (1, "1"), odd
    answer = await collector.post("traces", request({**SPAN, **REJECTED_SPANS[0]}, SPAN))
    assert answer.json()["partialSuccess"]["rejectedSpans"] in (1, "1")
    assert len(collector.events("execution.recorded")) == 1
