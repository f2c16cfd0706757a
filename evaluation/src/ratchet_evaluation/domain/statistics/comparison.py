"""Paired comparison of candidate and baseline: better, not worse than a margin, or worse; valid after every case."""

from dataclasses import dataclass
from typing import Literal

from ratchet_evaluation.domain.statistics.wealth import LEVEL, MeanInterval, Wealth, estimate_mean

Goal = Literal["better", "not-worse"]
"""What the candidate has to be shown to be: better than the baseline, or not worse than it by more than the margin."""

Conclusion = Literal["better", "not worse", "worse", "undecided"]


@dataclass(frozen=True, slots=True)
class ComparisonResult:
    """Result of a paired comparison.

    `difference`: candidate minus baseline, mean over clusters of cases. `wins`, `ties`, `losses` count clusters.
    `left_out` counts cases whose difference is unknown. `needed`: clusters like those so far until the goal or its
    opposite is shown; None if that can't be projected.
    """

    goal: Goal
    margin: float
    conclusion: Conclusion
    difference: MeanInterval
    wins: int
    ties: int
    losses: int
    left_out: int
    needed: int | None

    @property
    def decided(self) -> bool:
        return self.conclusion == "worse" or reaches(self.conclusion, self.goal)


class PairedComparison:
    """Sequential test of differences in [-1, 1], one for each independent cluster of cases.

    A conclusion that is wrong is reached at any time with a probability of at most half of 1 - `level` (`wealth`).
    """

    def __init__(self, goal: Goal, margin: float, level: float = LEVEL) -> None:
        self.goal, self.margin, self.level = goal, margin, level
        self._differences: list[float] = []
        self._left_out = 0
        self._above_zero, self._below_zero = Wealth(0.0, 1, level), Wealth(0.0, -1, level)
        self._above_margin = Wealth(-margin, 1, level)

    def add(self, difference: float | None) -> None:
        """Add the difference of a cluster; None, if it is unknown, is counted and changes nothing."""
        if difference is None:
            self._left_out += 1
            return
        for wealth in (self._above_zero, self._below_zero, self._above_margin):
            wealth.add(difference)
        self._differences.append(difference)

    @property
    def conclusion(self) -> Conclusion:
        """The strongest statement that is shown; better includes not worse, and not worse goes before worse."""
        if self._above_zero.refuted:
            return "better"
        if self._above_margin.refuted and self.goal == "not-worse":
            return "not worse"
        if self._below_zero.refuted:
            return "worse"
        return "not worse" if self._above_margin.refuted else "undecided"

    def result(self) -> ComparisonResult:
        """Return the result of all differences so far."""
        found = self._differences
        signs = [(value > 0.0) - (value < 0.0) for value in found]
        wins, ties, losses = (signs.count(sign) for sign in (1, 0, -1))
        return ComparisonResult(
            self.goal,
            self.margin,
            self.conclusion,
            estimate_mean(found, self.level),
            wins,
            ties,
            losses,
            self._left_out,
            self._needed(),
        )

    @property
    def decided(self) -> bool:
        """Whether the goal or its opposite is shown, so that no more cases are needed."""
        return self.conclusion == "worse" or reaches(self.conclusion, self.goal)

    def _needed(self) -> int | None:
        aim = self._above_zero if self.goal == "better" else self._above_margin
        found = [each for each in (aim.needed(), self._below_zero.needed()) if each is not None]
        return min(found, default=None)


def reaches(conclusion: Conclusion, goal: Goal) -> bool:
    """Return whether a conclusion is what the goal asks for."""
    return conclusion == "better" or (conclusion == "not worse" and goal == "not-worse")
