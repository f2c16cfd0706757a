"""Cells of every file, as times and numbers."""

import math
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.backtest.cells import failure, label, missing, moment, number, readable, thumb

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "cell",
    [
        "2026-03-01T12:00:00Z",
        "2026-03-01T12:00:00+00:00",
        "2026-03-01 12:00:00+00",
        "2026-03-01 13:00:00+01:00",
        "2026-03-01 12:00:00",
        "2026-03-01 12:00:00.000 UTC",
        " 1772366400 ",
        "1772366400000",
        1772366400,
        1772366400.0,
        1772366400_000,
        1772366400_000_000,
        1772366400_000_000_000,
        NOON,
        NOON.replace(tzinfo=None),
        NOON.astimezone(timezone(timedelta(hours=-5))),
    ],
)
def test_times_as_files_write_them(cell: Any) -> None:
    assert moment(cell) == NOON.timestamp()


def test_a_day_is_its_midnight() -> None:
    midnight = NOON.replace(hour=0).timestamp()
    assert moment("2026-03-01") == moment("20260301") == moment(date(2026, 3, 1)) == midnight


@pytest.mark.parametrize("cell", ["3/1/2026", "soon", 17, -1.0, "20260301120000", True, [], "1e99"])
def test_a_time_that_is_none(cell: Any) -> None:
    with pytest.raises(ValueError, match="has a time that can't be read"):
        moment(cell)


@pytest.mark.parametrize("cell", [None, "", "null", " ", math.nan])
def test_no_time(cell: Any) -> None:
    assert missing(cell)
    with pytest.raises(ValueError, match="has no time"):
        moment(cell)


@given(st.datetimes(datetime(1990, 1, 2), datetime(2099, 12, 30), timezones=st.just(UTC)), st.sampled_from([1, 1000]))
def test_every_time_reads_back(time: datetime, unit: int) -> None:
    assert moment(time.isoformat()) == moment(time) == time.timestamp()
    assert moment(time.timestamp() * unit) == pytest.approx(time.timestamp())


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


@pytest.mark.parametrize("cell", [None, "", "NaN", math.nan, "n/a", " NULL "])
def test_nothing_is_no_number(cell: Any) -> None:
    for read in (number, thumb, label, failure):
        assert math.isnan(read(cell))


@pytest.mark.parametrize("cell", ["four", [], {}, "1,5"])
def test_what_is_no_number(cell: Any) -> None:
    with pytest.raises(ValueError, match="is not a number"):
        number(cell)


def test_a_number_beyond_floats_is_infinite() -> None:
    assert number(10**400) == math.inf


@pytest.mark.parametrize(
    ("read", "good", "bad"),
    [
        (thumb, ["up", "👍", "Thumbs_Up", "yes", True, 1, "1", 1.0, "liked"], ["down", "👎", -1, 0, "0", False, "-1"]),
        (label, ["correct", "Good", "ACCEPTED", 1], ["not_helpful", "hallucinated", "wrong", 0, False]),
        (failure, ["error", "timeout", True, "failed", 1], ["ok", "success", False, 0, "OK"]),
    ],
)
def test_words(read: Any, good: list[Any], bad: list[Any]) -> None:
    assert [read(cell) for cell in good] == [1.0] * len(good)
    assert [read(cell) for cell in bad] == [0.0] * len(bad)


@pytest.mark.parametrize(
    ("read", "reason"), [(thumb, "no thumb"), (label, "of unknown meaning"), (failure, "of unknown meaning")]
)
@pytest.mark.parametrize("cell", ["perhaps", 0.5, 2, []])
def test_words_of_unknown_meaning(read: Any, reason: str, cell: Any) -> None:
    with pytest.raises(ValueError, match=reason):
        read(cell)


def test_a_few_broken_cells_don_t_change_what_a_column_is() -> None:
    assert readable(["0.1"] * 9 + ["broken"], number)
    assert not readable(["0.1"] * 8 + ["broken"] * 2, number)
    assert not readable([], number)
