"""Cells of each kind, as files write them."""

from datetime import UTC, datetime
from typing import Any

import pytest

from ratchet.imports import cell_readers
from ratchet.imports.cell_readers import cell_reader
from ratchet.imports.record_fields import CellKind
from ratchet.tables import BadFile


def read(kind: CellKind, cell: Any, *more: Any) -> Any:
    return cell_reader(kind, "c", [cell, *more], zone=UTC, times=None, commas=False)(cell)


@pytest.mark.parametrize(
    ("kind", "cell", "value"),
    [
        ("number", "1,5", 1.5),
        ("number", "1,234.5", 1234.5),
        ("number", "75 %", 0.75),
        ("number", "N/A", None),
        ("count", "12", 12),
        ("count", 12.0, 12),
        ("rating", "4 stars", 4.0),
        ("rating", "4/5", 4.0),
        ("rating", "★★★☆☆", 3.0),
        ("rating", 5, 5.0),
        ("outcome", "Timeout", "timeout"),
        ("confidentiality", "Internal", "internal"),
        ("thumb", "👍", True),
        ("thumb", "Thumbs_Down", False),
        ("thumb", -1, False),
        ("thumb", 1, True),
        ("thumb", True, True),
        ("thumb", "", None),
        ("yes_no", "ja", True),
        ("yes_no", 0, False),
        ("id", 42.0, "42"),
        ("id", " a ", "a"),
        ("id", None, None),
        ("text", "none", "none"),
        ("text", "", None),
        ("text", float("nan"), None),
        ("text", {"a": 1}, '{"a": 1}'),
        ("content", [{"role": "user", "content": "hi"}], [{"role": "user", "content": "hi"}]),
        ("list", '["a", "b"]', ["a", "b"]),
        ("list", "a", ["a"]),
        ("list", None, None),
        ("plain", 3, 3),
        ("plain", "x", "x"),
        ("time", "2026-11-01 10:00", datetime(2026, 11, 1, 10, tzinfo=UTC)),
        ("time", "2026-11-01T10:00:00+02:00", datetime(2026, 11, 1, 8, tzinfo=UTC)),
        ("time", 1793959200, datetime(2026, 11, 6, 10, tzinfo=UTC)),
        ("time", None, None),
    ],
)
def test_a_cell_is_read(kind: CellKind, cell: Any, value: Any) -> None:
    assert read(kind, cell) == value


@pytest.mark.parametrize(
    ("kind", "cell", "reason"),
    [
        ("number", "many", "is not a number"),
        ("number", True, "is not a number"),
        ("count", "1.5", "whole number"),
        ("count", -1, "whole number"),
        ("rating", "7", "is not a rating"),
        ("rating", "90 %", "is not a rating"),
        ("outcome", "weird", "is none of ok, error, refused, timeout"),
        ("confidentiality", "secret", "is none of public, internal, confidential, restricted"),
        ("thumb", "maybe", "thumbs"),
        ("yes_no", "maybe", "neither yes nor no"),
        ("id", ["a"], "is not a text"),
        ("list", "[1,", "is not a JSON array"),
    ],
)
def test_a_cell_of_another_kind_is_refused(kind: CellKind, cell: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        read(kind, cell)


def test_levels_of_satisfaction_are_ratings() -> None:
    assert read("rating", "very satisfied", "dissatisfied") == 5.0
    with pytest.raises(ValueError, match="is not a level"):
        cell_reader("rating", "c", ["satisfied", "neutral"], zone=UTC, times=None, commas=False)("blue")


def test_a_column_without_times_is_refused() -> None:
    with pytest.raises(BadFile, match="no format reads nearly all of its times, such as 'soon'"):
        read("time", "soon")


def test_a_count_is_a_share_of_nothing() -> None:
    assert cell_readers.read_count("1.000", "comma") == 1000
