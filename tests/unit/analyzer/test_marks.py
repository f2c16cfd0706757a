"""When a stream had how many values."""

import json

from hypothesis import given
from hypothesis import strategies as st

from analyzer.marks import EVERY, MOST, Marks


def marked(n: int) -> Marks:
    marks = Marks()
    for number in range(n):
        marks.add(number, 1000.0 + number)
    return marks


@given(st.integers(1, 5000), st.integers(0, 5000))
def test_a_number_lies_between_its_marks(n: int, asked: int) -> None:
    marks = marked(n)
    asked = min(asked, n - 1)
    assert marks.before(asked) <= 1000.0 + asked
    assert marks.after(asked) >= min(1000.0 + asked, 1000.0 + (n - 1) // EVERY * EVERY)
    assert len(marks.kept) <= MOST


def test_late_marks_are_exact_however_long_the_past() -> None:
    marks = marked(100_000)
    assert marks.before(99_980) == marks.after(99_980) == 1000.0 + 99_980
    assert marks.kept[0] == (0, 1000.0)


def test_what_lies_outside_is_the_nearest_mark() -> None:
    marks = Marks([(10, 5.0), (15, 6.0)])
    assert (marks.before(3), marks.after(99)) == (5.0, 6.0)


def test_marks_come_back_as_they_were() -> None:
    marks = marked(777)
    assert Marks.load(json.loads(json.dumps(marks.dump()))) == marks
