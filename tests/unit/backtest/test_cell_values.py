"""Parsing of cells as times and numbers."""

import math
from decimal import Decimal
from typing import Any

import pytest

from ratchet_backtest.cell_values import failure, label, numeric, readable, thumb

number = numeric(0.0, 100.0, words=True)
word = label("verdict", {})


@pytest.mark.parametrize(
    ("cell", "found"),
    [
        ("0.5", 0.5),
        (" 3 ", 3.0),
        ("85%", 85.0),
        ("85 %", 85.0),
        (True, 1.0),
        ("No", 0.0),
        (4, 4.0),
        (Decimal("0.25"), 0.25),
    ],
)
def test_numbers(cell: Any, found: float) -> None:
    assert number(cell) == found


@pytest.mark.parametrize("cell", [None, "", "NaN", math.nan, "n/a", " NULL ", "-", "None", []])
def test_empty_cell_is_no_number(cell: Any) -> None:
    for read in (number, thumb, word, failure):
        assert math.isnan(read(cell))


@pytest.mark.parametrize("cell", ["four", {}, "1.2.3", ["x"]])
def test_invalid_numbers(cell: Any) -> None:
    with pytest.raises(ValueError, match="is not a number"):
        number(cell)


@pytest.mark.parametrize("cell", [10**400, "1e999", "inf", "-Infinity", math.inf, "∞"])
def test_infinite_number_is_rejected(cell: Any) -> None:
    with pytest.raises(ValueError, match="is not a finite number"):
        number(cell)


@pytest.mark.parametrize(
    ("read", "good", "bad"),
    [
        (thumb, ["up", "👍", "Thumbs_Up", "yes", True, 1, "1", 1.0, "liked"], ["down", "👎", -1, 0, "0", False, "-1"]),
        (word, ["correct", "Good", "ACCEPTED"], ["not_helpful", "hallucinated", "wrong"]),
        (failure, ["error", "timeout", True, "failed", 1], ["ok", "success", False, 0, "OK"]),
    ],
)
def test_words(read: Any, good: list[Any], bad: list[Any]) -> None:
    assert [read(cell) for cell in good] == [1.0] * len(good)
    assert [read(cell) for cell in bad] == [0.0] * len(bad)


@pytest.mark.parametrize(
    ("read", "reason"), [(thumb, "not a thumb"), (word, "of unknown meaning"), (failure, "of unknown meaning")]
)
@pytest.mark.parametrize("cell", ["perhaps", 0.5, 2, {}])
def test_words_of_unknown_meaning(read: Any, reason: str, cell: Any) -> None:
    with pytest.raises(ValueError, match=reason):
        read(cell)


def test_few_broken_cells_do_not_change_the_type_of_a_column() -> None:
    assert readable(["0.1"] * 9 + ["broken"], number)
    assert not readable(["0.1"] * 8 + ["broken"] * 2, number)
    assert not readable([], number)
