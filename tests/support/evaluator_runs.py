"""Runs of the evaluator without a database: golden sets with clusters, and answers that arrive in any order."""

from collections.abc import Callable, Iterator, Sequence

from evaluator.domain.run_plan import PlannedTask, RunPlan, plan_run
from evaluator.domain.run_progress import AnswerKey, RunProgress
from ratchet.prompt import Prompt
from ratchet_evaluation.domain.answers import AppAnswer
from ratchet_evaluation.domain.cases import GoldenCase
from ratchet_evaluation.domain.evaluation import EvaluationResult
from ratchet_evaluation.domain.golden_set import GoldenSet
from ratchet_evaluation.domain.outcomes import EvaluationArm
from ratchet_evaluation.domain.settings import RunSettings
from tests.support.evaluation import BASELINE, CANDIDATE, golden_case

AnswerTask = Callable[[GoldenCase, EvaluationArm, int], AppAnswer]


def set_of_clusters(sizes: Sequence[int], protected: frozenset[int] = frozenset()) -> GoldenSet:
    """Return a set with clusters of these sizes; the first cases of those in `protected` are protected."""
    cases: list[GoldenCase] = []
    for i, size in enumerate(sizes):
        for j in range(size):
            fields = {"id": f"c{i}-{j}", "input": f"Question {i}, variant {j}?", "protected": i in protected and j == 0}
            cases.append(golden_case(**fields, parent=f"c{i}-0" if j else None))
    return GoldenSet(tuple(cases))


def plan_of(
    cases: GoldenSet, repeats: int = 1, candidate: Prompt = CANDIDATE, base: Prompt | None = BASELINE
) -> RunPlan:
    return plan_run(cases, candidate.digest, base.digest if base else None, repeats)


def run_plan(
    plan: RunPlan, settings: RunSettings, answer: AnswerTask, ahead: int, order: Iterator[int] | None = None
) -> tuple[EvaluationResult, int]:
    """Run a plan as the evaluator does; return the result and the number of tasks that were leased.

    `order` chooses which of the leasable tasks is answered next.
    """
    progress, answers, asked = RunProgress(plan, settings), dict[AnswerKey, AppAnswer](), 0
    cases = {case.id: case for cluster in plan.clusters for case in cluster}
    tasks = list(plan.tasks())
    while True:
        progress.advance(answers)
        result = progress.finish(answers)
        if result is not None:
            return result, asked
        window = progress.window(ahead)
        open_tasks = [
            task
            for task in tasks
            if key_of(task) not in answers and (task.ordinal < window.until or (window.protected and task.protected))
        ]
        task = open_tasks[next(order) % len(open_tasks) if order else 0]
        answers[key_of(task)] = answer(cases[task.case_id], task.arm, task.repeat)
        asked += 1


def key_of(task: PlannedTask) -> AnswerKey:
    return AnswerKey(task.case_id, task.arm, task.repeat)
