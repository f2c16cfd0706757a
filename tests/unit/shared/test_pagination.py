"""Cursors of lists: opaque, exact, and rejected by name if invalid."""

import base64
import contextlib
import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.problems import Problem
from shared.web.pagination import KeyPart, decode_cursor, encode_cursor, page

TIMES = st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1), timezones=st.just(UTC))
TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
PARTS = st.one_of(TEXTS, st.integers(-(2**63), 2**63 - 1), TIMES, st.uuids())


@given(st.lists(PARTS, min_size=1, max_size=3))
def test_cursor_decodes_to_its_key(key: list[KeyPart]) -> None:
    cursor = encode_cursor(*key)
    assert decode_cursor(cursor, *map(type, key)) == tuple(key)
    assert cursor.replace("-", "").replace("_", "").isalnum()


def test_the_first_page_has_no_key() -> None:
    assert decode_cursor(None, datetime, UUID) == (None, None)


def raw(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "cursor",
    [
        *("x", "", "é", "%%%", "a=b", raw(3), raw({"a": 1}), raw([]), raw([1, 2]), raw(["1"]), raw([True]), raw([1.0])),
        *(raw([2**63]), raw([None]), base64.urlsafe_b64encode(b"\xff").decode(), raw("[" * 1000)),
    ],
)
def test_invalid_cursor_is_rejected_by_name(cursor: str) -> None:
    with pytest.raises(Problem) as refused:
        decode_cursor(cursor, int)
    assert (refused.value.status, refused.value.errors[0]["field"]) == (422, "cursor")


@pytest.mark.parametrize(
    ("kind", "part"),
    [(str, "\0"), (str, "\ud800"), (datetime, "9999-12-31T23:59:59-12:00"), (datetime, "2026-01-01"), (UUID, "1")],
)
def test_values_that_postgresql_cannot_store_are_rejected(kind: type[KeyPart], part: str) -> None:
    with pytest.raises(Problem):
        decode_cursor(raw([part]), kind)


@given(st.one_of(st.text(max_size=60), st.binary(max_size=60).map(lambda raw: base64.urlsafe_b64encode(raw).decode())))
def test_any_text_raises_no_other_error(cursor: str) -> None:
    with contextlib.suppress(Problem):
        decode_cursor(cursor, str, int)


def test_only_a_full_page_has_a_next_cursor() -> None:
    items = [{"name": "a", "n": 1}, {"name": "b", "n": 2}]
    assert page(items, 3, "name") == {"items": items, "next": None}
    assert page([], 3, "name") == {"items": [], "next": None}
    full = page(items, 2, "n", "name", previous="x")
    assert decode_cursor(full["next"], int, str) == (2, "b")
    assert full["previous"] == "x"


@given(st.lists(PARTS, min_size=1, max_size=3), st.tuples(TEXTS, TEXTS), st.tuples(TEXTS, TEXTS) | st.none())
def test_cursor_belongs_to_its_filters(
    key: list[KeyPart], filters: tuple[str, str], others: tuple[str, str] | None
) -> None:
    types = list(map(type, key))
    cursor = encode_cursor(*key, filters=filters)
    assert decode_cursor(cursor, *types, filters=filters) == tuple(key)
    assert decode_cursor(None, *types, filters=filters) == (None,) * len(key)
    if others != filters:
        with pytest.raises(Problem) as refused:
            decode_cursor(cursor, *types, filters=others)
        assert (refused.value.status, refused.value.errors[0]["field"]) == (422, "cursor")
