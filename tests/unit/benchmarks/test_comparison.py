"""The regression check of processor time against another commit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.comparison import INSTRUCTIONS, Comparison, Verdict, compare_runs, missing_work
from benchmarks.rows import Row


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [
        ([100, 101, 102], [115, 116, 117], "slower"),
        ([100, 101, 102], [108, 109, 110], "same"),  # within 10 %
        ([100, 101, 118], [115, 116, 117], "same"),  # one run of the base was as slow
        ([100, 101, 102], [101, 116, 117], "same"),  # one run of this commit was as fast
        ([100, 101, 102], [88, 89, 90], "faster"),
        ([100, 101, 102], [92, 93, 94], "same"),
        ([100, 101, 88], [87, 88, 89], "same"),
    ],
)
def test_difference_must_exceed_ten_percent_and_the_noise(
    before: list[float], after: list[float], verdict: Verdict
) -> None:
    assert Comparison("a", "process", before, after).verdict() == verdict


@given(st.lists(st.floats(1, 1e6), min_size=1, max_size=5), st.lists(st.floats(1, 1e6), min_size=1, max_size=5))
def test_comparison_is_antisymmetric(before: list[float], after: list[float]) -> None:
    there = Comparison("a", "process", before, after).verdict()
    back = Comparison("a", "process", after, before).verdict()
    assert (there, back) not in {("slower", "slower"), ("faster", "faster")}
    assert (there == "slower") <= (back != "slower")


def test_both_parts_of_a_row_are_compared_over_all_runs() -> None:
    before = [[_row("intake", 1.0, 0.5)], [_row("intake", 1.1, 0.6)]]
    after = [[_row("intake", 2.0, 0.5)], [_row("intake", 2.2, 0.55)]]
    assert compare_runs(before, after) == [
        Comparison("intake", "process", [1.0, 1.1], [2.0, 2.2]),
        Comparison("intake", "PostgreSQL", [0.5, 0.6], [0.5, 0.55]),
    ]


def test_instructions_are_compared() -> None:
    """The ranges of their runs don't overlap on a busy machine, so that a slower step is found there, too."""
    before, after = ([[Row("step", "instructions/item", count, "low")]] * 2 for count in (1_000, 1_150))
    [comparison] = compare_runs(before, after)
    assert comparison == Comparison("step", INSTRUCTIONS, [1_000, 1_000], [1_150, 1_150])
    assert comparison.verdict() == "slower"


def test_rows_without_processor_time_or_base_are_not_compared() -> None:
    before = [[_row("delay", None, None), _row("gone", 1.0, None), _row("kept", 1.0, None)]]
    after = [[_row("delay", None, None), _row("new", 1.0, None), _row("kept", 1.0, 0.0)]]
    assert [it.work for it in compare_runs(before, after)] == ["kept"]
    assert missing_work(before, after) == ["gone", "new"]


def _row(work: str, process: float | None, postgres: float | None) -> Row:
    return Row(work, "/s", 1, "high", process_s=process, postgres_s=postgres)
