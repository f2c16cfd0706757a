"""When a stream had how many values."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.domain.streams.time_index import EVERY, MOST, NEAR, TimeIndex


def marked(n: int) -> TimeIndex:
    marks = TimeIndex()
    for number in range(n):
        marks.add(number, 1000.0 + number)
    return marks


@given(st.integers(1, 20_000), st.integers(0, 20_000))
def test_a_number_lies_between_its_marks(n: int, asked: int) -> None:
    marks = marked(n)
    asked = min(asked, n - 1)
    low, high = marks.before(asked) - 1000.0, marks.after(asked) - 1000.0
    assert low <= asked
    assert high >= min(asked, (n - 1) // EVERY * EVERY)
    assert high - low <= max(2 * EVERY, (n - low) / NEAR)
    assert len(marks.kept) <= MOST


@pytest.mark.parametrize("n", [1_000, 100_000, 1_000_000])
def test_marks_are_few_however_long_the_past(n: int) -> None:
    marks = marked(n)
    assert len(marks.kept) <= MOST
    assert marks.before(n - 20) == marks.after(n - 20) == 1000.0 + n - 20
    assert marks.kept[0] == (0, 1000.0)


def test_what_lies_outside_is_the_nearest_mark() -> None:
    marks = TimeIndex([(10, 5.0), (15, 6.0)])
    assert (marks.before(3), marks.after(99)) == (5.0, 6.0)


def test_marks_come_back_as_they_were() -> None:
    marks = marked(777)
    assert TimeIndex.load(json.loads(json.dumps(marks.dump()))) == marks
