"""Run an evaluation: ask the app for each case and prompt, and stop when the comparison is decided."""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Protocol

from ratchet.prompt import Prompt
from ratchet_evaluation.domain.answers import AppAnswer
from ratchet_evaluation.domain.cases import GoldenCase
from ratchet_evaluation.domain.evaluation import EvaluationResult, RunningEvaluation
from ratchet_evaluation.domain.evaluators.definition import EvaluatorScore
from ratchet_evaluation.domain.golden_set import GoldenSet
from ratchet_evaluation.domain.outcomes import CaseOutcome, EvaluationArm, ScoredAnswer, score_case
from ratchet_evaluation.domain.settings import RunSettings

Advance = Callable[[int], None]
"""Reports a number of cases as answered."""


class Answerer(Protocol):
    """Answers cases: the pool of worker processes, or a function in tests."""

    def submit(self, prompt: Prompt, case: GoldenCase, repeat: int) -> Future[AppAnswer]:
        """Queue a case and return its future answer; `repeat` counts those to the same case and prompt from 0."""
        ...


class AnswerJudge(Protocol):
    """Scores answers by judges, in the background: `judges.judge_thread.JudgeThread`."""

    def submit(self, case: GoldenCase, answer: "Future[AppAnswer]") -> "Future[tuple[EvaluatorScore, ...]]":
        """Return the scores of an answer that may still be awaited."""
        ...


@dataclass(frozen=True, slots=True)
class _PendingAnswer:
    answer: "Future[AppAnswer]"
    judged: "Future[tuple[EvaluatorScore, ...]] | None"

    def scored(self, case: GoldenCase) -> ScoredAnswer:
        """Wait for the answer and for its judges, and score it."""
        return score_case(case, self.answer.result(), self.judged.result() if self.judged else ())

    def cancel(self) -> None:
        self.answer.cancel()
        if self.judged:
            self.judged.cancel()


@dataclass(frozen=True, slots=True)
class _PendingCase:
    case: GoldenCase
    answers: dict[EvaluationArm, list[_PendingAnswer]]

    def outcome(self, counted: bool = True) -> CaseOutcome:
        """Wait for the answers and score them."""
        scored = {arm: tuple(each.scored(self.case) for each in found) for arm, found in self.answers.items()}
        return CaseOutcome(self.case, scored, counted)

    def cancel(self) -> None:
        for found in self.answers.values():
            for each in found:
                each.cancel()


def run_evaluation(
    answerer: Answerer,
    golden_set: GoldenSet,
    candidate: Prompt,
    baseline: Prompt | None,
    settings: RunSettings,
    ahead: int,
    advance: Advance = lambda cases: None,
    salt: Sequence[str] | None = None,
    judge: AnswerJudge | None = None,
) -> EvaluationResult:
    """Return the result of a run. At least `ahead` cases are asked at a time.

    Runs with the same `salt` take the cases in the same order; without it, the prompts determine the order.

    Cases are counted in one order, whichever answer comes first: the result does not depend on `ahead`. Answers to
    cases after the decision are not counted.
    """
    arms: list[tuple[EvaluationArm, Prompt]] = [("candidate", candidate)]
    if baseline is not None:
        arms.insert(0, ("baseline", baseline))

    def ask(case: GoldenCase) -> _PendingCase:
        answers: dict[EvaluationArm, list[_PendingAnswer]] = {arm: [] for arm, _ in arms}
        for repeat in range(settings.repeats):
            for arm, prompt in arms:
                answer = answerer.submit(prompt, case, repeat)
                answers[arm].append(_PendingAnswer(answer, judge.submit(case, answer) if judge else None))
        return _PendingCase(case, answers)

    evaluation = RunningEvaluation(settings, baseline is not None)
    prompts = (candidate.digest, baseline.digest if baseline else "")
    clusters = golden_set.shuffled_clusters(*(prompts if salt is None else salt))
    rest = _run_clusters(evaluation, clusters, ask, ahead, advance)
    protected = [case for cluster in rest for case in cluster if case.protected]
    for pending in list(map(ask, protected)):
        evaluation.add_protected(pending.outcome(counted=False))
        advance(1)
    return evaluation.result(len(golden_set.cases))


def _run_clusters(
    evaluation: RunningEvaluation,
    clusters: Sequence[Sequence[GoldenCase]],
    ask: Callable[[GoldenCase], _PendingCase],
    ahead: int,
    advance: Advance,
) -> Iterable[Sequence[GoldenCase]]:
    """Run clusters until the evaluation is finished; return those that were not counted."""
    queue: deque[list[_PendingCase]] = deque()
    asked = counted = 0
    while counted < len(clusters) and not evaluation.finished:
        while asked < len(clusters) and sum(map(len, queue)) < ahead:
            queue.append([ask(case) for case in clusters[asked]])
            asked += 1
        pending = queue.popleft()
        evaluation.add_cluster([each.outcome() for each in pending])
        counted += 1
        advance(len(pending))
    for each in (each for cluster in queue for each in cluster):
        each.cancel()
    return clusters[counted:]
