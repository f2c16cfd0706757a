"""Input that is not I-JSON is rejected with its position; everything else is read as by `json`."""

import json
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import strict_json as reading
from shared.problems import Problem
from shared.strict_json import MAX_DEPTH, strict_json

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
INTEGERS = st.integers(-(2**63), 2**63 - 1)
SCALARS = st.none() | st.booleans() | INTEGERS | st.floats(allow_nan=False, allow_infinity=False) | TEXTS
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4), max_leaves=20
)


@given(VALUES, st.booleans())
def test_json_is_read_correctly(value: object, ascii_only: bool) -> None:
    assert strict_json(json.dumps(value, ensure_ascii=ascii_only).encode()) == value


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        (b'{"a": NaN}', 422, "a"),
        (b'{"a": {"b": [1, 1e999]}}', 422, "a.b[1]"),
        (b"-Infinity", 422, "body"),
        (b'{"a": 1, "a": 2}', 422, "a"),
        (b'[{"b": {"c": 1, "c": 1}}]', 422, "[0].b.c"),
        (b'{"a": "\\u0000"}', 422, "a"),
        (b'{"a": "\\ud800"}', 422, "a"),
        (b'{"a": 9223372036854775808}', 422, "a"),
        (b'{"a": ' + b"9" * 5000 + b"}", 422, "a"),
        (b"[" * 100_000, 422, "body"),
        (b'{"a": NaN, "b": ' + b"[" * 100_000, 422, "body"),
        (b'{"a": NaN, "b"', 400, "body"),
        (b"\xff", 400, "body"),
        (b'{"a": "\xff"}', 400, "body"),
        (b'{"a": "\xed\xa0\x80"}', 400, "body"),
        (b"", 400, "body"),
        (b'{"a": "\n"}', 400, "body"),
    ],
)
def test_rejected_input_is_named(body: bytes, status: int, field: str) -> None:
    with pytest.raises(Problem) as caught:
        strict_json(body)
    assert (caught.value.status, caught.value.errors[0]["field"]) == (status, field)


def test_depth_limit_is_exact() -> None:
    deepest = MAX_DEPTH + 1  # the outermost level is 0
    assert strict_json(b"[" * deepest + b"]" * deepest)
    with pytest.raises(Problem):
        strict_json(b"[" * (deepest + 1) + b"]" * (deepest + 1))


@given(st.text(max_size=8), st.text(max_size=8))
def test_names_in_errors_can_be_encoded(name: str, other: str) -> None:
    body = json.dumps({name: {other: 1e300}}).replace("1e+300", "NaN").encode()
    with pytest.raises(Problem) as caught:
        strict_json(body)
    assert json.loads(caught.value.encoded())["errors"][0]["field"].isprintable()


PIECES = [
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    '"a"',
    '"b:"',
    '"a:b"',
    '"\\u003a"',
    '"\\n"',
    "1",
    "-0",
    "1e999",
    "9" * 20,
    "NaN",
    "true",
]
SOUP = st.lists(st.sampled_from([*PIECES, " "]), max_size=12).map("".join)
PAIRS = st.lists(
    st.tuples(st.sampled_from(['"a"', '"a:"', '"b"', '"\\u0061"']), st.sampled_from(PIECES[6:])), max_size=4
)
OBJECTS = PAIRS.map(lambda pairs: "{" + ",".join(f"{name}:{item}" for name, item in pairs) + "}")

DEEP = st.builds(lambda n, inner: "[" * n + inner + "]" * n, st.integers(30, 35), st.sampled_from(["", "1", '{"a":1}']))


@given(SOUP | DEEP | OBJECTS | OBJECTS.map(lambda inner: f'[{inner},{{"x":{inner}}}]'))
def test_fast_parser_accepts_only_what_the_strict_one_accepts(text: str) -> None:
    def outcome() -> object:
        try:
            return repr(strict_json(text.encode()))
        except Problem as problem:
            return problem.body()

    quick = outcome()
    with mock.patch.object(reading, "_plain", return_value=reading._UNSURE):
        assert outcome() == quick
