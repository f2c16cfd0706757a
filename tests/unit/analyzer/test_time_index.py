"""Index from the number of values of a stream to time."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.domain.streams.samples import INDEXED, INDEXED_EVERY, NEAR, TimeIndex
from tests.support.soak import scaled


def marked(n: int) -> TimeIndex:
    marks = TimeIndex()
    for number in range(n):
        marks.add(number, 1000.0 + number)
    return marks


@given(st.integers(1, 20_000), st.integers(0, 20_000))
def test_number_lies_between_its_index_entries(n: int, number: int) -> None:
    marks = marked(n)
    number = min(number, n - 1)
    low, high = marks.before(number) - 1000.0, marks.after(number) - 1000.0
    assert low <= number
    assert high >= min(number, (n - 1) // INDEXED_EVERY * INDEXED_EVERY)
    assert high - low <= max(2 * INDEXED_EVERY, (n - low) / NEAR)
    assert len(marks.kept) <= INDEXED


@pytest.mark.parametrize("n", [1_000, 100_000, scaled(1_000_000, 1_000_000, unit=200_000)])
def test_number_of_entries_is_bounded(n: int) -> None:
    marks = marked(n)
    assert len(marks.kept) <= INDEXED
    assert marks.before(n - 20) == marks.after(n - 20) == 1000.0 + n - 20
    assert marks.kept[0] == (0, 1000.0)


def test_number_outside_the_index_gives_the_nearest_entry() -> None:
    marks = TimeIndex([(10, 5.0), (15, 6.0)])
    assert (marks.before(3), marks.after(99)) == (5.0, 6.0)


def test_index_survives_saving_and_loading() -> None:
    marks = marked(777)
    assert TimeIndex.load(json.loads(json.dumps(marks.dump()))) == marks
