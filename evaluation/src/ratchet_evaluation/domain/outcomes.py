"""What became of a case: its answers and scores by arm, and the differences that are compared."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from ratchet_evaluation.domain.answers import AppAnswer
from ratchet_evaluation.domain.cases import GoldenCase
from ratchet_evaluation.domain.evaluators.catalog import CATALOG
from ratchet_evaluation.domain.evaluators.definition import EvaluatorScore, score_answer

EvaluationArm = Literal["candidate", "baseline"]
PASS = "pass"  # noqa: S105  # a metric, no password
"""The metric of a case as a whole: 1 if the answer passes all evaluators, 0 if it fails any of them."""


@dataclass(frozen=True, slots=True)
class ScoredAnswer:
    """One answer with its scores, in the order of the case's evaluators."""

    answer: AppAnswer
    scores: tuple[EvaluatorScore, ...]

    @property
    def passed(self) -> bool | None:
        """False if any evaluator that decides fails the answer, None if none does and some are unknown."""
        result: bool | None = True
        for score in self.scores:
            if score.passed is not True and score.decides:
                if score.passed is False:
                    return False
                result = None
        return result

    def value(self, metric: str) -> float | None:
        """Return the value of a metric from 0 (worst) to 1 (best): `pass`, or the mean score of an evaluator."""
        if metric == PASS:
            passed = self.passed
            return None if passed is None else float(passed)
        return mean_of([score.score for score in self.scores if score.name == metric])


@dataclass(frozen=True, slots=True)
class CaseOutcome:
    """Answers to a case by arm, one for each repeat. `counted`: it is part of the statistics.

    A protected case that was only run for its check, after the comparison was decided, is not counted.
    """

    case: GoldenCase
    answers: Mapping[EvaluationArm, tuple[ScoredAnswer, ...]]
    counted: bool = True

    def value(self, arm: EvaluationArm, metric: str) -> float | None:
        """Return the mean of a metric over the repeats in which it is known; None without any."""
        return mean_of([answer.value(metric) for answer in self.answers.get(arm, ())])

    def difference(self, metric: str) -> float | None:
        """Return candidate minus baseline; None if a side is unknown, or if the app answered neither prompt."""
        if self.unanswered("candidate") and self.unanswered("baseline"):
            return None
        candidate, baseline = self.value("candidate", metric), self.value("baseline", metric)
        return None if candidate is None or baseline is None else candidate - baseline

    @property
    def score_names(self) -> set[str]:
        """The names of all scores of the case."""
        return {score.name for found in self.answers.values() for answer in found for score in answer.scores}

    def unanswered(self, arm: EvaluationArm) -> bool:
        """Return whether the app failed in every repeat."""
        return all(answer.answer.failure for answer in self.answers.get(arm, ()))


def score_case(case: GoldenCase, answer: AppAnswer, judged: Sequence[EvaluatorScore] = ()) -> ScoredAnswer:
    """Return an answer with the scores of all evaluators of its case, and then those of judges."""
    scores = (score_answer(CATALOG[spec.name], spec.parameters, case, answer) for spec in case.evaluators)
    return ScoredAnswer(answer, (*scores, *judged))


def cluster_difference(outcomes: Sequence[CaseOutcome], metric: str) -> float | None:
    """Return the mean difference of dependent cases, which count as one; None if none is known."""
    return mean_of([outcome.difference(metric) for outcome in outcomes])


def cluster_value(outcomes: Sequence[CaseOutcome], arm: EvaluationArm, metric: str) -> float | None:
    """Return the mean value of dependent cases, which count as one; None if none is known."""
    return mean_of([outcome.value(arm, metric) for outcome in outcomes])


def mean_of(values: Sequence[float | None]) -> float | None:
    """Return the mean of the known values; None without any."""
    if len(values) == 1:  # a case with one answer, which is the usual one
        return values[0]
    known = [value for value in values if value is not None]
    if len(known) < 2:
        return known[0] if known else None
    return math.fsum(known) / len(known)
