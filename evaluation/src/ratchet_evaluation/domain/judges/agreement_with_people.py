"""Figures about a judge: its agreement with people, whether it may decide, and what it could not judge."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from ratchet_evaluation.domain.evaluators.definition import EvaluatorScore
from ratchet_evaluation.domain.judges.definition import JudgeDefinition, parse_judge
from ratchet_evaluation.domain.outcomes import CaseOutcome
from ratchet_evaluation.domain.statistics.agreement import Agreement, cohen_kappa, with_interval

GOOD_FROM = 0.5
"""The lowest value of people that is good."""


class JudgedCounts(NamedTuple):
    """Numbers of answers. `judged` includes the `unknown` ones; a judge that decides nothing may not have been asked
    about those that are `not_judged`."""

    judged: int
    unknown: int
    not_judged: int


@dataclass(frozen=True, slots=True)
class JudgeFigures:
    """A judge in an evaluation. `agreement` is Cohen's kappa with people; None if nobody labelled what it judged.

    `dropped`: why it does not decide, although it was to; then it is not asked any more.
    """

    judge: JudgeDefinition
    agreement: Agreement | None = None
    dropped: str | None = None

    @property
    def decides(self) -> bool:
        """Whether the judge's scores count for the verdict: its agreement is shown to reach the limit that is set."""
        return self.dropped is None and decides(self.judge, self.agreement)

    @property
    def reason(self) -> str:
        """Why it decides or does not, for people."""
        if self.dropped is not None:
            return self.dropped
        found, least = self.agreement, self.judge.min_kappa
        if found is None or found.value is None:
            return f"its agreement with people is unknown; {least:g} is needed, so it does not decide"
        if found.low is None or found.high is None:
            return f"kappa {found.value:.2f} with people (n={found.n}, too few); it does not decide"
        shown = f"kappa {found.value:.2f} [{found.low:.2f}, {found.high:.2f}] with people (n={found.n})"
        if self.decides:
            return f"{shown}, at least {least:g}: it decides"
        return f"{shown}, not shown to reach {least:g}: it does not decide"

    def stored(self) -> dict[str, Any]:
        """Return the judge and its agreement as JSON."""
        return {
            "judge": self.judge.to_json(),
            "agreement": None if self.agreement is None else asdict(self.agreement),
            **self._dropped(),
        }

    def _dropped(self) -> dict[str, Any]:
        return {} if self.dropped is None else {"dropped": self.dropped}

    def to_json(self, outcomes: Sequence[CaseOutcome]) -> dict[str, Any]:
        """Return the figures for the report, with the numbers of answers by what the judge said about them."""
        counts = self.count_answers(outcomes)
        return {
            "name": self.judge.score_name,
            "digest": self.judge.digest,
            "method": self.judge.method,
            "model": self.judge.model,
            "threshold": self.judge.threshold,
            "min_kappa": self.judge.min_kappa,
            "agreement": None if self.agreement is None else _rounded(self.agreement),
            "decides": self.decides,
            **self._dropped(),
            "answers": counts.judged,
            "unknown": counts.unknown,
            "not_judged": counts.not_judged,
        }

    def count_answers(self, outcomes: Sequence[CaseOutcome]) -> JudgedCounts:
        """Return how many answers the judge was asked about, how many of them it could not judge, and all others."""
        answers = [answer for outcome in outcomes for found in outcome.answers.values() for answer in found]
        scores = [score for answer in answers for score in answer.scores if score.name == self.judge.score_name]
        unknown = sum(score.score is None for score in scores)
        return JudgedCounts(len(scores), unknown, len(answers) - len(scores))


def figures_from_json(stored: Mapping[str, Any]) -> JudgeFigures:
    """Return the figures that `stored` wrote."""
    agreement = stored["agreement"]
    return JudgeFigures(
        parse_judge(stored["judge"]), None if agreement is None else Agreement(**agreement), stored.get("dropped")
    )


def decides(judge: JudgeDefinition, agreement: Agreement | None) -> bool:
    """Return whether the lower end of the judge's agreement with people reaches the limit that is set for it."""
    return agreement is not None and agreement.low is not None and agreement.low >= judge.min_kappa


def measure_agreement(
    judge: JudgeDefinition, pairs: Sequence[tuple[float, float]], clusters: Sequence[str] | None = None
) -> Agreement:
    """Return Cohen's kappa of pairs of people's value and the judge's score, both from 0 to 1."""
    labels = [(person >= GOOD_FROM, score >= judge.threshold) for person, score in pairs]
    return with_interval(cohen_kappa, labels, clusters)


def known_score(judge: JudgeDefinition, value: float, decides: bool) -> EvaluatorScore:
    """Return the score that a judge gave."""
    passed = value >= judge.threshold - 1e-12
    return EvaluatorScore(judge.score_name, judge.digest, value, value, passed, None, decides)


def unknown_score(judge: JudgeDefinition, reason: str, decides: bool) -> EvaluatorScore:
    """Return the score of an answer that the judge could not judge: unknown, never 0."""
    return EvaluatorScore(judge.score_name, judge.digest, None, None, None, reason, decides)


def failed_score(judge: JudgeDefinition, reason: str, decides: bool) -> EvaluatorScore:
    """Return the score of an answer that the app did not give: the worst, as with every evaluator."""
    return EvaluatorScore(judge.score_name, judge.digest, None, 0.0, False, reason, decides)


def _rounded(agreement: Agreement) -> dict[str, Any]:
    return {key: round(value, 6) if isinstance(value, float) else value for key, value in asdict(agreement).items()}
