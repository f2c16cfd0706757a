"""Conclusions of paired comparisons."""

import pytest

from ratchet_evaluation.domain.statistics.comparison import ComparisonResult, Goal, PairedComparison, reaches


def compare(differences: list[float | None], goal: Goal = "not-worse", margin: float = 0.05) -> ComparisonResult:
    comparison = PairedComparison(goal, margin)
    for difference in differences:
        comparison.add(difference)
    return comparison.result()


def test_eight_wins_are_better_and_seven_are_not_enough() -> None:
    assert compare([1.0] * 8).conclusion == "better"
    assert compare([1.0] * 7).conclusion == "undecided"


def test_nine_losses_are_worse() -> None:
    result = compare([-1.0] * 9)
    assert (result.conclusion, result.decided, result.difference.high < 0.0) == ("worse", True, True)


def test_equal_answers_are_not_worse_once_there_are_enough() -> None:
    result = compare([0.0] * 120)
    assert (result.conclusion, result.ties) == ("not worse", 120)
    assert result.difference.low > -0.05
    assert compare([0.0] * 60).conclusion == "undecided"


def test_not_worse_does_not_reach_the_goal_of_being_better() -> None:
    result = compare([0.0] * 120, goal="better")
    assert (result.conclusion, result.decided) == ("not worse", False)


def test_conclusion_and_interval_agree() -> None:
    result = compare([1.0, 0.0, -1.0, 1.0, 1.0] * 12)
    assert result.conclusion == "better"
    assert result.difference.low > 0.0
    assert (result.wins, result.ties, result.losses) == (36, 12, 12)


def test_a_small_loss_within_the_margin_is_not_worse() -> None:
    """-0.01 in each of many cases: worse than the baseline, and not by more than the margin. The goal decides."""
    differences: list[float | None] = [-0.01] * 3000
    assert compare(differences, margin=0.05).conclusion == "not worse"
    assert compare(differences, "better").conclusion == "worse"


def test_unknown_differences_are_counted_and_left_out() -> None:
    result = compare([1.0, None, 1.0, None])
    assert (result.left_out, result.difference.n) == (2, 2)


def test_needed_reaches_a_decision_if_the_others_are_like_these() -> None:
    few: list[float | None] = [0.0] * 10
    needed = compare(few).needed
    assert needed is not None
    assert compare([0.0] * needed).decided
    assert not compare([0.0] * (needed - 1)).decided


def test_nothing_is_needed_where_no_number_would_do() -> None:
    assert compare([0.0] * 10, goal="better").needed is None


@pytest.mark.parametrize(
    ("conclusion", "goal", "reached"),
    [("better", "better", True), ("better", "not-worse", True), ("not worse", "not-worse", True),
     ("not worse", "better", False), ("worse", "not-worse", False), ("undecided", "not-worse", False)],
)  # fmt: skip
def test_what_reaches_a_goal(conclusion: str, goal: Goal, reached: bool) -> None:
    assert reaches(conclusion, goal) is reached  # type: ignore[arg-type]
