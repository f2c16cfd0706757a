"""From lines of JSON to a Parquet file."""

import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.domain.parquet_types import ColumnType
from collector.storage.parquet import converter
from tests.support.parquet import group_sizes, read_rows

TYPES: dict[str, ColumnType] = {
    "id": "text",
    "at": "time",
    "cost": "number",
    "count": "integer",
    "good": "boolean",
    "scores": {"map": "number"},
    "calls": {"list": {"struct": {"name": "text", "ms": "number"}}},
}
_NUMBERS = st.none() | st.floats(allow_nan=False, allow_infinity=False)
_TEXTS = st.none() | st.text(st.characters(exclude_categories=["Cs"]))
_TIMES = st.datetimes().map(lambda moment: moment.isoformat() + "Z")
_CALLS = st.lists(st.fixed_dictionaries({"name": _TEXTS, "ms": _NUMBERS}), max_size=3)
_ROWS = st.fixed_dictionaries(
    {
        "id": _TEXTS,
        "at": st.none() | _TIMES,
        "cost": _NUMBERS,
        "count": st.none() | st.integers(-(2**63), 2**63 - 1),
        "good": st.none() | st.booleans(),
        "scores": st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), _NUMBERS, max_size=3),
        "calls": _CALLS,
    }
)


def converted(rows: list[dict[str, Any]]) -> bytes:
    file = io.BytesIO()
    converter.convert([json.dumps(row).encode() + b"\n" for row in rows], file, TYPES)
    return file.getvalue()


@given(st.lists(_ROWS, max_size=5))
def test_rows_are_read_back_as_they_were(rows: list[dict[str, Any]]) -> None:
    assert read_rows(converted(rows)) == rows


def test_a_file_without_rows_has_its_columns() -> None:
    assert read_rows(converted([])) == []


def test_absent_members_are_null() -> None:
    (row,) = read_rows(converted([{"id": "a", "calls": [{"name": "search"}], "unknown": 1}]))
    assert row == {**dict.fromkeys(TYPES), "id": "a", "calls": [{"name": "search", "ms": None}]}


@pytest.mark.parametrize(("limit", "value"), [("GROUP_ROWS", 2), ("GROUP_BYTES", 100)])
def test_row_groups_are_bounded(monkeypatch: pytest.MonkeyPatch, limit: str, value: int) -> None:
    monkeypatch.setattr(converter, limit, value)
    content = converted([{"id": f"{index}" + "x" * 40} for index in range(5)])
    assert group_sizes(content) == [2, 2, 1]
    assert [row["id"][0] for row in read_rows(content)] == list("01234")
