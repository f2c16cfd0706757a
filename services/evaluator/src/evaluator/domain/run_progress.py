"""Progress of a run: clusters are counted in the order of the plan, as far as all before them are answered."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from evaluator.domain.run_plan import RunPlan, TaskWindow
from ratchet_evaluation.domain.answers import AppAnswer
from ratchet_evaluation.domain.cases import GoldenCase
from ratchet_evaluation.domain.evaluation import EvaluationResult, RunningEvaluation
from ratchet_evaluation.domain.evaluators.definition import EvaluatorScore
from ratchet_evaluation.domain.outcomes import CaseOutcome, EvaluationArm, score_case
from ratchet_evaluation.domain.settings import RunSettings


class AnswerKey(NamedTuple):
    """The case, the arm and the repeat that an answer is for."""

    case_id: str
    arm: EvaluationArm
    repeat: int


Answers = Mapping[AnswerKey, AppAnswer]


class RunProgress:
    """Scores and counts the answers of a run. Its state depends on the answers, not on their order in time."""

    def __init__(self, plan: RunPlan, settings: RunSettings) -> None:
        self._plan = plan
        self._evaluation = RunningEvaluation(settings, plan.has_baseline)
        self._result: EvaluationResult | None = None
        self.judged: dict[AnswerKey, tuple[EvaluatorScore, ...]] = {}
        """Scores of judges for the answers, which are added before the answers are counted."""
        self.counted = 0

    @property
    def decided(self) -> bool:
        """Whether no more clusters are needed, apart from protected cases."""
        return self._evaluation.finished or self.counted == len(self._plan.clusters)

    def advance(self, answers: Answers) -> None:
        """Count the next clusters, while all their answers are in `answers` and the run is not decided."""
        while not self.decided:
            cluster = self._plan.clusters[self.counted]
            if not all(key in answers for case in cluster for key in self._keys(case)):
                return
            self._evaluation.add_cluster([self._outcome(case, answers) for case in cluster])
            self.counted += 1

    def window(self, ahead: int) -> TaskWindow:
        """Return the tasks that may be leased now: at least `ahead` of those after the counted clusters, if needed."""
        if self.decided:
            return TaskWindow(self._plan.first_task(self.counted), protected=True)
        return self._plan.window(self.counted, ahead)

    def finish(self, answers: Answers) -> EvaluationResult | None:
        """Return the result; None while it is not decided, or a protected case lacks an answer in `answers`."""
        if self._result is None:
            self._result = self._finish(answers)
        return self._result

    def _finish(self, answers: Answers) -> EvaluationResult | None:
        rest = [case for cluster in self._plan.clusters[self.counted :] for case in cluster if case.protected]
        if not self.decided or not all(key in answers for case in rest for key in self._keys(case)):
            return None
        for case in rest:
            self._evaluation.add_protected(self._outcome(case, answers, counted=False))
        return self._evaluation.result(self._plan.cases)

    def _outcome(self, case: GoldenCase, answers: Answers, counted: bool = True) -> CaseOutcome:
        scored = {
            arm: tuple(
                score_case(case, answers[key], self.judged.get(key, ())) for key in self._keys(case) if key.arm == arm
            )
            for arm in self._plan.arms
        }
        return CaseOutcome(case, scored, counted)

    def _keys(self, case: GoldenCase) -> Iterator[AnswerKey]:
        for repeat in range(self._plan.repeats):
            for arm in self._plan.arms:
                yield AnswerKey(case.id, arm, repeat)
