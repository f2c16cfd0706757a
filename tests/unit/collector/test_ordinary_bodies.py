"""Bodies that a struct reads are the same as those that the pydantic model reads."""

import dataclasses
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any
from unittest.mock import patch

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import AfterValidator, AwareDatetime, BaseModel

from collector.domain.body_parser import OrdinaryBodies, validate_body
from collector.domain.model import IngestItem, Origin
from collector.domain.request_context import PseudonymKey, RequestContext, Route
from collector.domain.schemas import ExecutionBody, FeedbackBody, Scoped
from collector.domain.validation import parse_request
from shared.problems import Problem

CONTEXT = RequestContext(
    "key", Origin("shop", "production", datetime(2026, 11, 21, 12, tzinfo=UTC)), PseudonymKey("k1", b"s" * 32), "idem"
)
MODELS: dict[Route, type[Scoped]] = {"feedback": FeedbackBody, "executions": ExecutionBody}
ORDINARY: dict[Route, dict[str, Any]] = {
    "feedback": {
        "execution_id": "e1", "trace_id": "t", "kind": "label", "value": "fine", "comment": "a\nb", "name": "n",
        "user": "ann",
        "session": "s", "source": "implicit",
        "evaluator": f"sha256:{'0' * 64}", "id": "00000000-0000-0000-0000-00000000000A", "project": "shop",
        "environment": "production", "occurred_at": "2026-11-21T11:59:59.123456+01:00",
        "consent": {"quality": True, "learning": None},
    },
    "executions": {
        "id": "e1", "trace_id": "t", "parent_id": "p", "target": "bot", "model": "m", "input": "a\nb", "output": "ü",
        "prompts": [{"name": "a/b.c", "digest": f"sha256:{'0' * 64}"}, {"name": "d", "version": "7"}], "arm": "a",
        "parameters": {"temperature": 0.5, "stop": None, "n": 1, "seed": "x", "stream": False},
        "contexts": ["c\n", {"id": "d", "text": "t\n", "score": 0.5}, {"id": "e"}],
        "tools": ["search", {"name": "f", "arguments": {"q": [1]}, "result": "r", "outcome": "ok", "latency_ms": 2}],
        "user": "ann", "session": "s", "usage": {"input_tokens": 5, "total_tokens": 6}, "cost": 1, "currency": "EUR",
        "latency_ms": 1.5, "time_to_first_token_ms": 1,
        "outcome": "ok", "region": "eu", "confidentiality": "internal", "project": "shop", "environment": "production",
        "scores": {"helpful": 1, "short": 0.5}, "attributes": {"lang": "de", "beta": True},
        "consent": {"learning": False}, "occurred_at": "2026-11-21 11:59:59Z",
    },
}  # fmt: skip

times = st.builds(
    "{}-{}-{}{}{}:{}{}{}{}".format,
    st.sampled_from(["2026", "0001", "9999", "0000", "26"]), st.sampled_from(["11", "02", "2", "13"]),
    st.sampled_from(["21", "29", "31", "00"]), st.sampled_from(["T", "t", " ", "_", ""]),
    st.sampled_from(["12", "00", "24"]), st.sampled_from(["00", "59", "60"]),
    st.sampled_from([":00", ":59", ":60", ":5", ""]),
    st.just("") | st.from_regex(r"[.,][0-9]{1,9}", fullmatch=True) | st.just(".0000009"),
    st.sampled_from(["Z", "z", "", "+00:00", "-00:00", "+0100", "+23:59", "-24:00", "+1:00", " Z", "+05"]),
)  # fmt: skip
texts = st.text(max_size=4) | st.sampled_from([
    "", "a\n", "a\x7f", "a\0", "a\x85", "\u2028", "\xa0", "\u0130", "e\u0301", "a/../b", "a/b.", "a,b", "x" * 129,
    "x" * 257, f"sha256:{'0' * 64}\n", "up", "ok", "rating", "other", "{00000000-0000-0000-0000-000000000001}",
    "00000000000000000000000000000001", "1.5", "NaN",
])  # fmt: skip
numbers = st.integers() | st.floats() | st.sampled_from([2**53, 2**53 + 1, 2**63, -(2**63) - 1, 10**400, -0.0, 5e-324])
scalars = st.none() | st.booleans() | numbers | texts | times
names = st.sampled_from([
    "quality", "learning", "name", "digest", "version", "document", "input_tokens", "output_tokens", "prompt_tokens",
    "id", "text", "score", "arguments", "outcome", "latency_ms",
]) | texts  # fmt: skip
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3), max_leaves=5
)


@st.composite
def bodies(draw: st.DrawFn, route: Route) -> dict[str, Any]:
    """Return an ordinary body, in which some fields are left out, and some have any other value."""
    known = ORDINARY[route]
    kept = draw(st.lists(st.sampled_from(sorted(known)), unique=True, max_size=8))
    changed = draw(st.dictionaries(st.sampled_from(sorted(known)) | names, values, max_size=2))
    required = {"feedback": ("kind", "execution_id"), "executions": ("target",)}[route]
    return {**{name: known[name] for name in (*required, *kept)}, **changed}


def plain(value: Any) -> Any:
    """Return a body of either kind as dictionaries; times with their offsets."""
    if isinstance(value, msgspec.Struct | BaseModel):
        fields = msgspec.structs.asdict(value) if isinstance(value, msgspec.Struct) else dict(value)
        return {name: plain(inner) for name, inner in fields.items()}
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    if isinstance(value, datetime):
        return value, value.utcoffset()
    return repr(value)  # 1, 1.0 and True are different values


def differs(route: Route, body: object, reader: OrdinaryBodies[Any]) -> bool:
    """Tell whether the struct accepts a body that the model reads in another way, or refuses."""
    found = reader.read(body)
    if found is None:
        return False
    try:
        return bool(plain(found) != plain(validate_body(MODELS[route], body)))
    except Problem:
        return True


@pytest.mark.parametrize("route", MODELS)
def test_a_struct_has_the_fields_of_its_model(route: Route) -> None:
    struct = OrdinaryBodies(MODELS[route]).struct
    fields = {field.name: field for field in msgspec.structs.fields(struct)}
    assert fields.keys() == MODELS[route].model_fields.keys()
    assert {name for name in fields if fields[name].required} == {
        name for name, field in MODELS[route].model_fields.items() if field.is_required()
    }


@pytest.mark.parametrize("route", MODELS)
def test_every_field_may_be_read_by_the_struct(route: Route) -> None:
    """A field whose ordinary values the struct refuses would make all bodies slow that have it."""
    assert ORDINARY[route].keys() == MODELS[route].model_fields.keys(), "give a new field an ordinary value here"
    reader = OrdinaryBodies(MODELS[route])
    assert reader.read(ORDINARY[route]) is not None
    assert not differs(route, ORDINARY[route], reader)


@pytest.mark.parametrize("route", MODELS)
@given(data=st.data())
def test_what_the_struct_accepts_the_model_reads_the_same(route: Route, data: st.DataObject) -> None:
    body = data.draw(bodies(route))
    assert not differs(route, body, _READERS[route])


_READERS = {route: OrdinaryBodies(model) for route, model in MODELS.items()}


def _without_lines(reader: OrdinaryBodies[Any]) -> None:
    reader._lines = lambda _: ()  # type: ignore[assignment]


def _without_times(reader: OrdinaryBodies[Any]) -> None:
    reader._times = []


@pytest.mark.parametrize(
    ("breaking", "changed"),
    [(_without_lines, {"user": "a\n"}), (_without_times, {"occurred_at": "2026-11-21T11:00:00.0000009Z"})],
)
def test_a_missing_check_would_be_noticed(breaking: Callable[[Any], None], changed: dict[str, Any]) -> None:
    reader, body = OrdinaryBodies(FeedbackBody), {**ORDINARY["feedback"], **changed}
    assert not differs("feedback", body, reader)
    breaking(reader)
    assert differs("feedback", body, reader)


def parsed(route: Route, content: bytes, *, by_model: bool) -> Any:
    """Return the items, or the problem, of a request's content."""
    with patch.object(OrdinaryBodies, "read", lambda *_: None) if by_model else patch.dict({}):
        try:
            found = parse_request(route, content, CONTEXT)
        except Problem as problem:
            return problem.body()
    return [_fields(item) for item in found] if isinstance(found, list) else _fields(found)


def _fields(item: IngestItem | Problem) -> Any:
    return item.body() if isinstance(item, Problem) else dataclasses.asdict(item)


_TEXT = json.dumps(ORDINARY["feedback"])
_ODD = [
    '"value": NaN', '"value": 1e999', '"value": 1e3', '"value": 4.0', '"value": 9223372036854775808', '"user": 5',
    '"user": "b"', '"us\\u0065r": "b"', '"user": "b\\u003a"', '"user": "\\ud800"', '"user": "\\u0000"', '"a:b": 1',
    '"user": null', '"consent": {"quality": true, "quality": false}', '"value": {"a": 1, "a": 2}', '"value": -0',
    '"value": ' + "[" * 40 + "]" * 40, '"value": "\\ud83d\\ude00"', '"value": "a:b"', '"value": 01', '"\\u0000": 1',
]  # fmt: skip


@pytest.mark.parametrize("member", _ODD)
@pytest.mark.parametrize("text", ["{%s, %s", "{%s,%s", "[{%s, %s]", "[{%s, %s, {%s]"])
def test_odd_json_is_judged_the_same(text: str, member: str) -> None:
    content = (text % (member, *(_TEXT[1:],) * (text.count("%s") - 1))).encode()
    assert parsed("feedback", content, by_model=False) == parsed("feedback", content, by_model=True)


@pytest.mark.parametrize("route", MODELS)
@given(data=st.data())
def test_any_content_gives_the_same_items(route: Route, data: st.DataObject) -> None:
    drawn = data.draw(bodies(route) | st.lists(bodies(route), max_size=3))
    content = json.dumps(drawn, ensure_ascii=data.draw(st.booleans())).encode("utf-8", "surrogatepass")
    at, cut = data.draw(st.integers(0, len(content))), data.draw(st.integers(0, 2))
    content = (
        content[:at] + data.draw(st.sampled_from([b"", b"", b" ", b'"', b"\\", b"\xff", b":"])) + content[at + cut :]
    )
    assert parsed(route, content, by_model=False) == parsed(route, content, by_model=True)


class _Broken(BaseModel):
    kind: Annotated[str, AfterValidator(str.upper)]


def test_an_unknown_validator_is_noticed() -> None:
    with pytest.raises(TypeError, match="upper"):
        OrdinaryBodies(_Broken)


class _Nested(BaseModel):
    times: list[AwareDatetime] = []


def test_a_nested_time_is_noticed() -> None:
    with pytest.raises(TypeError, match="AwareDatetime"):
        OrdinaryBodies(_Nested)
