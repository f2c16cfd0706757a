"""Invalid input on both routes: never a 5xx, always a problem document that names the field."""

import gzip
import json
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.integration.collector.conftest import Running

GOOD: dict[str, dict[str, Any]] = {
    "feedback": {"execution_id": "e1", "kind": "comment", "value": "fine"},
    "executions": {"id": "e1", "target": "answers", "output": "fine"},
}
ROUTES = list(GOOD)
DOCUMENT = {"schema": "ratchet.prompt/1", "messages": [{"role": "system", "content": "Be kind."}]}


def with_member(route: str, member: str) -> bytes:
    """Return a valid body with one more member, as text."""
    return (json.dumps(GOOD[route])[:-1] + ", " + member + "}").encode()


# (member to add, field that the problem must name)
ODD_JSON = [
    ('"user": NaN', "user"),
    ('"user": Infinity', "user"),
    ('"user": -Infinity', "user"),
    ('"consent": {"quality": NaN}', "consent.quality"),
    ('"user": 1e999', "user"),
    ('"user": -1e999', "user"),
    ('"user": 9223372036854775808', "user"),
    ('"user": ' + "9" * 5000, "user"),
    ('"user": "a\\u0000b"', "user"),
    ('"user": "\\ud800"', "user"),
    ('"user": "\\udfff\\ud800"', "user"),
    ('"user": "a", "user": "b"', "user"),
    ('"consent": {"quality": true, "quality": false}', "consent.quality"),
    ('"\\u0000": 1', "�"),
    ('"\\ud800": 1', "�"),
    ('"\\udead\\u0007\\n": 1', "���"),
    ('"consent": {"\\ud800": 1}', "consent.�"),
    ('"user": ' + "[" * 33 + "]" * 33, "user" + "[0]" * 32),
    ('"user": ' + '{"a":' * 33 + "1" + "}" * 33, "user" + ".a" * 32),
]

ODD_FIELDS: list[tuple[dict[str, Any], str]] = [
    ({"unknown": 1}, "unknown"),
    ({"x" * 500: 1}, "x" * 120 + "…"),
    ({"<script>alert(1)</script>": 1}, "<script>alert(1)</script>"),
    ({"user": 5.5}, "user"),
    ({"user": True}, "user"),
    ({"user": ""}, "user"),
    ({"user": "x" * 257}, "user"),
    ({"user": "two\nlines"}, "user"),
    ({"user": ["ann"]}, "user"),
    ({"trace_id": "x" * 129}, "trace_id"),
    ({"trace_id": 7.0}, "trace_id"),
    ({"consent": True}, "consent"),
    ({"consent": {"learning": "yes"}}, "consent.learning"),
    ({"consent": {"learning": 1}}, "consent.learning"),
    ({"consent": {"sell": True}}, "consent.sell"),
    ({"occurred_at": "2026-11-21T25:00:00Z"}, "occurred_at"),
    ({"occurred_at": "2026-11-21T12:00:00"}, "occurred_at"),
    ({"occurred_at": "2026-11-21"}, "occurred_at"),
    ({"occurred_at": "yesterday"}, "occurred_at"),
    ({"occurred_at": ""}, "occurred_at"),
    ({"occurred_at": 1_795_000_000}, "occurred_at"),
    ({"occurred_at": 9e307}, "occurred_at"),
    ({"occurred_at": {"$date": 1}}, "occurred_at"),
    ({"project": "another"}, "project"),
    ({"environment": "another"}, "environment"),
    ({"project": 1}, "project"),
]

ODD_FEEDBACK: list[tuple[dict[str, Any], str]] = [
    ({"id": "no uuid"}, "id"),
    ({"id": 5}, "id"),
    ({"execution_id": None}, "execution_id"),
    ({"execution_id": ""}, "execution_id"),
    ({"execution_id": {"$ne": None}}, "execution_id"),
    ({"kind": None}, "kind"),
    ({"kind": "like"}, "kind"),
    ({"kind": ["thumb"]}, "kind"),
    ({"value": None}, "value"),
    ({"value": "   "}, "value"),
    ({"value": 1}, "value"),
    ({"value": "x" * 20_001}, "value"),
    ({"kind": "thumb", "value": "sideways"}, "value"),
    ({"kind": "thumb", "value": 1}, "value"),
    ({"kind": "thumb", "value": []}, "value"),
    ({"kind": "rating", "value": 0}, "value"),
    ({"kind": "rating", "value": 5.01}, "value"),
    ({"kind": "rating", "value": "5"}, "value"),
    ({"kind": "rating", "value": True}, "value"),
    ({"kind": "score", "value": 1.0}, "name"),
    ({"kind": "score", "value": "1", "name": "s"}, "value"),
    ({"kind": "score", "value": 1e300, "name": "s"}, "value"),
    ({"kind": "score", "value": 1.0, "name": ""}, "name"),
    ({"kind": "label", "value": "x" * 201}, "value"),
    ({"kind": "correction", "value": {"text": "x"}}, "value"),
    ({"source": "guess"}, "source"),
    ({"name": "x" * 129}, "name"),
]

ODD_EXECUTIONS: list[tuple[dict[str, Any], str]] = [
    ({"id": ""}, "id"),
    ({"id": "x" * 129}, "id"),
    ({"target": None}, "target"),
    ({"target": "a\u0007b"}, "target"),
    ({"prompts": {}}, "prompts"),
    ({"prompts": [{}]}, "prompts[0].name"),
    ({"prompts": [{"name": "p"}] * 21}, "prompts"),
    ({"prompts": [{"name": "p", "digest": "sha256:abc"}]}, "prompts[0].digest"),
    ({"prompts": [{"name": "p", "digest": "sha256:" + "0" * 64, "document": DOCUMENT}]}, "prompts[0].digest"),
    ({"prompts": [{"name": "p", "document": {"schema": "other"}}]}, "prompts[0].document"),
    ({"prompts": [{"name": "p", "document": []}]}, "prompts[0].document"),
    ({"prompts": ["p"]}, "prompts[0]"),
    ({"input": 5}, "input"),
    ({"input": True}, "input"),
    ({"output": 5}, "output"),
    ({"contexts": "one"}, "contexts"),
    ({"contexts": [None]}, "contexts[0]"),
    ({"contexts": ["x"] * 101}, "contexts"),
    ({"tools": [{"name": "t", "arguments": "a", "by": 1}]}, "tools[0].by"),
    ({"tools": [5]}, "tools[0]"),
    ({"contexts": [{"id": "", "text": "a"}]}, "contexts[0].id"),
    ({"currency": "EUR"}, "currency"),
    ({"parameters": {"temperature": [1]}}, "parameters.temperature"),
    ({"usage": {"input_tokens": -1}}, "usage.input_tokens"),
    ({"usage": {"input_tokens": 1.5}}, "usage.input_tokens"),
    ({"cost": -0.01}, "cost"),
    ({"cost": "1"}, "cost"),
    ({"latency_ms": -1}, "latency_ms"),
    ({"latency_ms": True}, "latency_ms"),
    ({"outcome": "great"}, "outcome"),
    ({"scores": {"s": "1"}}, "scores.s"),
    ({"scores": {"": 1}}, "scores."),
    ({"attributes": {"a": [1]}}, "attributes.a"),
    ({"attributes": {str(n): 1 for n in range(65)}}, "attributes"),
    ({"output": "x" * 800_000}, "body"),
]

ODD_BODIES: list[tuple[bytes, str]] = [
    (b"", "body"),
    (b" ", "body"),
    (b"{", "body"),
    (b"null", "body"),
    (b"true", "body"),
    (b'"text"', "body"),
    (b"17", "body"),
    (b"[]", "body"),
    (b"[1]", "[0].body"),
    (b"[[]]", "[0].body"),
    (b"[" + b"{}," * 1000 + b"{}]", "body"),
    (b"\xff\xfe{\x00}\x00", "body"),
    (b"\xef\xbb\xbf{}", "body"),
    (b"\x80abc", "body"),
    (b"{}{}", "body"),
    (b"{'a': 1}", "body"),
    (b'{"a": 1,}', "body"),
    (b'{"a": 01}', "body"),
    (b'{"a": "\t"}', "body"),
    (b"[" * 500_000, "body"),
    (b'{"a":' * 200_000, "body"),
    (gzip.compress(b"[]" * 1000), "body"),
    (b"x" * 2_000_001, "body"),
    (b'{"user": "' + b"x" * 10_000_000 + b'"}', "body"),
]


def cases() -> list[Any]:
    """Yield (route, body, field)."""
    own = {"feedback": ODD_FEEDBACK, "executions": ODD_EXECUTIONS}
    found = []
    for route in ROUTES:
        bodies = [(with_member(route, member), field) for member, field in ODD_JSON]
        bodies += [(json.dumps({**GOOD[route], **odd}).encode(), field) for odd, field in [*ODD_FIELDS, *own[route]]]
        found += [
            pytest.param(route, body, field, id=f"{route}-{number}")
            for number, (body, field) in enumerate(bodies + ODD_BODIES)
        ]
    return found


def assert_problem(response: Any, field: str) -> None:
    """Assert that it is a complete problem document that names `field`."""
    assert 400 <= response.status_code < 500, response.text[:500]
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert {"type", "title", "status", "code"} <= problem.keys()
    assert problem["status"] == response.status_code
    assert len(response.content) < 20_000
    named = [error["field"] for error in problem["errors"]]
    assert any(name == field or name.startswith((f"{field}.", f"{field}[")) for name in named), named


@pytest.mark.parametrize("route", ROUTES)
def test_there_are_at_least_a_hundred_cases(route: str) -> None:
    assert len([case for case in cases() if case.values[0] == route]) >= 90


async def test_invalid_bodies_are_rejected_by_field(collector: "Running", subtests: Any) -> None:
    """All cases use one collector, so that an after-effect of one would affect the next."""
    for case in cases():
        route, body, field = case.values
        with subtests.test(case.id):
            assert_problem(await collector.post(route, body), field)
    for route in ROUTES:
        assert (await collector.post(route, GOOD[route])).json()["status"] == "accepted"
    assert collector.count("outbox_messages") == 2


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize(
    ("headers", "status", "field"),
    [
        ({"Content_Type": "application/x-www-form-urlencoded"}, 415, "Content-Type"),
        ({"Content_Type": "multipart/form-data; boundary=x"}, 415, "Content-Type"),
        ({"Content_Type": "text/plain"}, 415, "Content-Type"),
        ({"Content_Type": "application/jsonp"}, 415, "Content-Type"),
        ({"Content_Encoding": "gzip, gzip"}, 415, "Content-Encoding"),
        ({"Content_Encoding": "gzip"}, 400, "body"),
        ({"Content_Encoding": "br"}, 415, "Content-Encoding"),
        ({"Idempotency_Key": "two words"}, 422, "Idempotency-Key"),
        ({"Idempotency_Key": "x" * 256}, 422, "Idempotency-Key"),
        ({"Idempotency_Key": ""}, 422, "Idempotency-Key"),
    ],
)
async def test_hostile_headers(
    collector: "Running", route: str, headers: dict[str, str], status: int, field: str
) -> None:
    response = await collector.post(route, GOOD[route], **headers)
    assert response.status_code == status
    assert_problem(response, field)


async def test_a_gzip_bomb_is_refused(collector: "Running") -> None:
    bomb = gzip.compress(b" " * 100_000_000)
    response = await collector.post("feedback", bomb, Content_Encoding="gzip")
    assert response.status_code == 413
    assert_problem(response, "body")
    assert_problem(await collector.post("feedback", bomb), "body")


async def test_compressed_body_equals_the_plain_one(collector: "Running") -> None:
    """The idempotency claim covers the inflated bytes, so a retry may be compressed or not."""
    body = json.dumps([{**GOOD["executions"], "id": f"e{number}"} for number in range(3)]).encode()
    compressed = gzip.compress(body)
    first = await collector.post("executions", compressed, Content_Encoding="gzip", Idempotency_Key="k")
    again = await collector.post("executions", body, Idempotency_Key="k")
    other = await collector.post("executions", gzip.compress(body, 1), Content_Encoding="gzip", Idempotency_Key="k")
    assert [answer.json()["accepted"] for answer in (first, again, other)] == [3, 0, 0]
    assert again.json()["duplicate"] == other.json()["duplicate"] == 3
    assert_problem(await collector.post("executions", compressed[:-9], Content_Encoding="gzip"), "body")
    assert collector.count("outbox_messages") == 3


async def test_endless_body_is_rejected(collector: "Running") -> None:
    async def endless_body() -> AsyncIterator[bytes]:
        while True:
            yield b"[" * 65_536

    response = await collector.client.post(
        "/v1/feedback", content=endless_body(), headers={"Authorization": f"Bearer {collector.keys['ingest']}"}
    )
    assert response.status_code == 413
    assert_problem(response, "body")


async def test_an_array_has_a_result_for_each_item(collector: "Running") -> None:
    good, bad = GOOD["feedback"], {**GOOD["feedback"], "kind": "like"}
    mixed = await collector.post("feedback", [good, bad, 7, good])
    assert mixed.status_code == 207
    answer = mixed.json()
    assert (answer["accepted"], answer["refused"]) == (2, 2)
    assert [result["status"] for result in answer["results"]] == ["accepted", "refused", "refused", "accepted"]
    assert answer["results"][1]["problem"]["errors"][0]["field"] == "kind"
    all_bad = await collector.post("feedback", [bad] * 3)
    assert all_bad.status_code == 422
    assert_problem(all_bad, "[0].kind")
    assert all_bad.json()["refused"] == 3
