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
from shared.web.pagination import KeyPart, Keyset

TIMES = st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1), timezones=st.just(UTC))
TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
PARTS = st.one_of(TEXTS, st.integers(-(2**63), 2**63 - 1), NUMBERS, TIMES, st.uuids())


@given(st.lists(PARTS, min_size=1, max_size=3))
def test_cursor_decodes_to_its_key(key: list[KeyPart]) -> None:
    keyset = Keyset("things", *map(type, key), filters=("a", None))
    cursor = keyset.encode(*key)
    assert keyset.decode(cursor) == tuple(key)
    assert cursor.replace("-", "").replace("_", "").isalnum()


def test_the_first_page_has_no_key() -> None:
    assert Keyset("things", datetime, UUID, filters=()).decode(None) == (None, None)


def raw(value: Any) -> str:
    """Return a cursor of the list `LIST` if `value` is its sort key, in a list."""
    parts = [*value, json.loads(decoded(LIST.encode(1)))[-1]] if isinstance(value, list) else value
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


def decoded(cursor: str) -> bytes:
    return base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))


LIST = Keyset("things", int, filters=())


@pytest.mark.parametrize(
    "cursor",
    [
        *("x", "", "é", "%%%", "a=b", raw(3), raw({"a": 1}), raw([]), raw([1, 2]), raw(["1"]), raw([True]), raw([1.0])),
        *(raw([2**63]), raw([None]), base64.urlsafe_b64encode(b"\xff").decode(), raw("[" * 1000)),
    ],
)
def test_invalid_cursor_is_rejected_by_name(cursor: str) -> None:
    with pytest.raises(Problem) as refused:
        LIST.decode(cursor)
    assert (refused.value.status, refused.value.errors[0]["field"]) == (422, "cursor")


@pytest.mark.parametrize(
    ("kind", "part"),
    [(str, "\0"), (str, "\ud800"), (datetime, "9999-12-31T23:59:59-12:00"), (datetime, "2026-01-01"), (UUID, "1")],
)
def test_values_that_postgresql_cannot_store_are_rejected(kind: type[KeyPart], part: str) -> None:
    with pytest.raises(Problem):
        Keyset("things", kind, filters=()).decode(raw([part]))


@given(st.one_of(st.text(max_size=60), st.binary(max_size=60).map(lambda raw: base64.urlsafe_b64encode(raw).decode())))
def test_any_text_raises_no_other_error(cursor: str) -> None:
    with contextlib.suppress(Problem):
        Keyset("things", str, int, filters=()).decode(cursor)


def test_only_a_full_page_has_a_next_cursor() -> None:
    rows = [(1, "a"), (2, "b")]
    keyset = Keyset("things", int, str, filters=())

    def page(found: list[tuple[int, str]], limit: int, **extra: Any) -> dict[str, Any]:
        return keyset.page(found, limit, key=lambda row: row, view=lambda row: row[1], **extra)

    assert page(rows, 3) == {"items": ["a", "b"], "next": None}
    assert page([], 3) == {"items": [], "next": None}
    full = page(rows, 2, previous="x")
    assert keyset.decode(full["next"]) == (2, "b")
    assert (full["items"], full["previous"]) == (["a", "b"], "x")


@given(st.lists(PARTS, min_size=1, max_size=3), st.tuples(TEXTS, TEXTS), st.tuples(TEXTS, TEXTS))
def test_cursor_belongs_to_its_list_and_filters(
    key: list[KeyPart], filters: tuple[str, str], others: tuple[str, str]
) -> None:
    types = list(map(type, key))
    cursor = Keyset("things", *types, filters=filters).encode(*key)
    strangers = [Keyset("others", *types, filters=filters)]
    if others != filters:
        strangers.append(Keyset("things", *types, filters=others))
    for keyset in strangers:
        with pytest.raises(Problem) as refused:
            keyset.decode(cursor)
        assert (refused.value.status, refused.value.errors[0]["field"]) == (422, "cursor")
