"""Plans and progress of runs: the result is that of `ratchet eval`, in whichever order the answers come."""

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluator.domain.evaluation_terms import settings_for, settings_from_json, summarise
from evaluator.domain.run_plan import TaskWindow, restore_plan
from evaluator.domain.run_progress import AnswerKey, RunProgress
from ratchet.prompt import Prompt
from ratchet_evaluation.domain.answers import AppAnswer, failed_answer
from ratchet_evaluation.domain.cases import GoldenCase
from ratchet_evaluation.domain.contamination import ExcludedCase
from ratchet_evaluation.domain.outcomes import EvaluationArm
from ratchet_evaluation.domain.settings import RunSettings
from ratchet_evaluation.runner import run_evaluation
from tests.support.evaluation import BASELINE, CANDIDATE, FunctionAnswerer
from tests.support.evaluator_runs import plan_of, run_plan, set_of_clusters

YES, NO, FAILED = AppAnswer("yes"), AppAnswer("no"), failed_answer("crash", "gone")
BETTER = RunSettings(goal="better")


def better(case: GoldenCase, arm: EvaluationArm, repeat: int) -> AppAnswer:
    return YES if arm == "candidate" else NO


def equal(case: GoldenCase, arm: EvaluationArm, repeat: int) -> AppAnswer:
    return YES


@given(
    sizes=st.lists(st.integers(1, 3), max_size=25),
    protected=st.frozensets(st.integers(0, 24), max_size=5),
    repeats=st.integers(1, 2),
    ahead=st.integers(1, 40),
    seed=st.integers(0, 2**32),
    lean=st.sampled_from([0.1, 0.5, 0.95]),
    has_base=st.booleans(),
    all_cases=st.booleans(),
)
def test_the_result_is_that_of_a_run_in_order(
    sizes: list[int],
    protected: frozenset[int],
    repeats: int,
    ahead: int,
    seed: int,
    lean: float,
    has_base: bool,
    all_cases: bool,
) -> None:
    """Oracle: `run_evaluation`, which asks one case after the other."""
    cases = set_of_clusters(sizes, protected)
    base = BASELINE if has_base else None
    settings = RunSettings(goal="better", repeats=repeats, all_cases=all_cases)

    def answer(case: GoldenCase, arm: EvaluationArm, repeat: int) -> AppAnswer:
        rnd = random.Random(f"{seed} {case.id} {arm} {repeat}")
        right = lean if arm == "candidate" else 0.3
        return FAILED if rnd.random() < 0.1 else YES if rnd.random() < right else NO

    counts = dict.fromkeys(((case.id, arm) for case in cases.cases for arm in (BASELINE, CANDIDATE)), 0)

    def respond(prompt: Prompt, case: GoldenCase) -> AppAnswer:
        counts[case.id, prompt] += 1
        arm: EvaluationArm = "candidate" if prompt == CANDIDATE else "baseline"
        return answer(case, arm, counts[case.id, prompt] - 1)

    expected = run_evaluation(FunctionAnswerer(respond), cases, CANDIDATE, base, settings, 1)
    order = random.Random(seed)
    found, asked = run_plan(
        plan_of(cases, repeats, base=base), settings, answer, ahead, (order.randrange(1000) for _ in itertools.count())
    )
    assert found == expected
    assert asked <= len(cases.cases) * repeats * (2 if base else 1)


def test_few_answers_are_asked_for_more_than_the_result_needs() -> None:
    result, asked = run_plan(plan_of(set_of_clusters([1] * 100)), BETTER, better, ahead=10)
    assert (result.verdict, len(result.outcomes), result.not_run) == ("pass", 8, 92)
    assert 16 <= asked <= 16 + 10


def test_tasks_are_in_pairs_and_in_whole_clusters() -> None:
    plan = plan_of(set_of_clusters([2, 1]), repeats=2)
    tasks = list(plan.tasks())
    assert [task.ordinal for task in tasks] == list(range(12))
    assert [task.arm for task in tasks] == ["baseline", "candidate"] * 6
    assert [task.cluster for task in tasks] == sorted(task.cluster for task in tasks)
    second = plan.first_task(1)
    assert plan.window(0, 1) == plan.window(0, second) == TaskWindow(second)
    assert plan.window(0, second + 1) == plan.window(0, 1000) == plan.window(2, 5) == TaskWindow(12)


def test_a_plan_can_be_restored_from_its_order() -> None:
    cases = set_of_clusters([1, 3, 2], frozenset({1}))
    plan = plan_of(cases, repeats=2)
    order = [(task.cluster, task.case_id) for task in plan.tasks() if (task.arm, task.repeat) == ("candidate", 0)]
    assert restore_plan(cases, order, plan.arms, plan.repeats) == plan
    with pytest.raises(KeyError):
        restore_plan(set_of_clusters([1]), order, plan.arms, plan.repeats)


def test_a_cluster_waits_for_all_before_it() -> None:
    plan = plan_of(set_of_clusters([1] * 3))
    progress = RunProgress(plan, BETTER)
    last = {AnswerKey(plan.clusters[2][0].id, arm, 0): YES for arm in plan.arms}
    progress.advance(last)
    assert (progress.counted, progress.finish(last)) == (0, None)
    middle = {AnswerKey(plan.clusters[i][0].id, arm, 0): YES for arm in plan.arms for i in (0, 1)}
    progress.advance({**last, **middle})
    assert progress.counted == 3


def test_after_the_decision_only_protected_cases_are_asked() -> None:
    plan = plan_of(set_of_clusters([1] * 40, frozenset({7})))
    progress = RunProgress(plan, BETTER)
    answers = {
        AnswerKey(case.id, arm, 0): better(case, arm, 0)
        for cluster in plan.clusters
        for case in cluster
        if not case.protected
        for arm in plan.arms
    }
    progress.advance(answers)
    if progress.counted < 8:  # the protected case is among the first ones
        assert progress.window(2).until == 2 * progress.counted + 2
        return
    assert progress.window(10) == TaskWindow(16, protected=True)
    assert progress.finish(answers) is None
    rest = {AnswerKey("c7-0", arm, 0): better(plan.clusters[0][0], arm, 0) for arm in plan.arms}
    result = progress.finish({**answers, **rest})
    assert result is not None
    assert (result.verdict, len(result.outcomes)) == ("pass", 9)
    assert progress.finish({}) is result


def test_a_run_without_cases_is_inconclusive_at_once() -> None:
    result, asked = run_plan(plan_of(set_of_clusters([])), BETTER, better, ahead=10)
    assert (result.verdict, asked) == ("inconclusive", 0)
    summary = summarise(result, [ExcludedCase("a", "origin", "x")])
    assert (summary.cases, summary.excluded, summary.difference, summary.low) == (0, 1, None, None)
    assert "left out" not in summary.reason, "pages and pull requests say it once, from the number"


def test_summary_of_a_pass() -> None:
    result, _ = run_plan(plan_of(set_of_clusters([1] * 20)), BETTER, better, ahead=1)
    summary = summarise(result, ())
    assert (summary.verdict, summary.cases, summary.excluded, summary.difference) == ("pass", 8, 0, 1.0)
    assert summary.low is not None
    assert summary.low > 0.0
    assert summary.reason == "shown to be better than the baseline"


def test_a_first_version_is_compared_with_nothing() -> None:
    result, asked = run_plan(plan_of(set_of_clusters([1] * 20), base=None), settings_for("first_version", 1), equal, 5)
    summary = summarise(result, ())
    assert asked == 20
    assert (summary.verdict, summary.cases, summary.difference) == ("inconclusive", 20, None)
    assert summary.reason == "nothing to compare a first version with; 100.0% of cases pass"


def test_terms_of_proposals() -> None:
    fixes = [settings_for(kind, 1) for kind in ("restore", "rollback", "instruction")]
    assert fixes == [RunSettings("better", 0.05)] * 3
    assert settings_for("edit", 3) == RunSettings("not-worse", 0.05, repeats=3)
    assert settings_from_json(settings_for("edit", 3).to_json()) == settings_for("edit", 3)
