"""Runs with a function as the app: pairs, verdicts, early stop, protected cases, unknown and failed answers."""

import pytest

from ratchet.prompt import Prompt
from ratchet_evaluation.domain.answers import AppAnswer, failed_answer
from ratchet_evaluation.domain.cases import GoldenCase
from ratchet_evaluation.domain.golden_set import GoldenSet
from ratchet_evaluation.domain.settings import RunSettings
from ratchet_evaluation.runner import run_evaluation
from tests.support.evaluation import BASELINE, CANDIDATE, FunctionAnswerer, golden_case, golden_set, run

YES, NO = AppAnswer("yes"), AppAnswer("no")


def better(prompt: Prompt, case: GoldenCase) -> AppAnswer:
    """Answer rightly with the candidate only."""
    return YES if prompt == CANDIDATE else NO


def equal(prompt: Prompt, case: GoldenCase) -> AppAnswer:
    return YES


def worse(prompt: Prompt, case: GoldenCase) -> AppAnswer:
    return NO if prompt == CANDIDATE else YES


def test_a_better_candidate_passes_after_eight_of_fifty_cases() -> None:
    result = run(better, golden_set(50), RunSettings(goal="better"))
    assert (result.verdict, len(result.outcomes), result.not_run) == ("pass", 8, 42)
    assert result.comparison is not None
    assert result.comparison.conclusion == "better"


def test_a_worse_candidate_fails() -> None:
    result = run(worse, golden_set(50), RunSettings())
    assert (result.verdict, len(result.outcomes)) == ("fail", 8)


def test_too_few_cases_are_inconclusive_and_say_how_many_are_needed() -> None:
    result = run(equal, golden_set(30), RunSettings(margin=0.05))
    assert result.verdict == "inconclusive"
    assert result.comparison is not None
    needed = result.comparison.needed
    assert needed is not None
    assert f"30 counted, about {needed} independent cases needed" in result.checks[0].reason
    assert run(equal, golden_set(needed), RunSettings(margin=0.05)).verdict == "pass"


def test_result_does_not_depend_on_how_many_cases_run_at_a_time() -> None:
    cases = golden_set(60, tags=["all"])
    found = [run(better, cases, RunSettings(goal="better"), ahead=ahead) for ahead in (1, 7, 100)]
    assert found[0] == found[1] == found[2]


def test_derived_cases_count_once() -> None:
    """Forty variants of one case are one win."""
    variants = [golden_case(id=f"v{i}", input=f"Variant {i}?", parent="case-0") for i in range(40)]
    result = run(better, GoldenSet((*golden_set(3).cases, *variants)), RunSettings(goal="better"))
    assert result.comparison is not None
    assert (result.comparison.wins, result.comparison.difference.n, result.verdict) == (3, 3, "inconclusive")


def test_pass_rate_weighs_a_cluster_once() -> None:
    variants = [golden_case(id=f"v{i}", input=f"Variant {i}?", parent="case-0") for i in range(9)]

    def respond(prompt: Prompt, case: GoldenCase) -> AppAnswer:
        return NO if case.id.startswith("v") else YES

    result = run(respond, GoldenSet((*golden_set(2).cases, *variants)), RunSettings(min_pass_rate=0.5), baseline=None)
    assert result.pass_rate.interval.mean == pytest.approx((0.1 + 1.0) / 2)


@pytest.mark.parametrize(("least", "verdict"), [(0.75, "pass"), (0.76, "fail")])
def test_minimum_pass_rate(least: float, verdict: str) -> None:
    def respond(prompt: Prompt, case: GoldenCase) -> AppAnswer:
        return NO if case.id == "case-3" else YES

    result = run(respond, golden_set(4), RunSettings(min_pass_rate=least), baseline=None)
    assert (result.verdict, result.checks[0].verdict) == (verdict, verdict)


def test_a_minimum_pass_rate_asks_for_all_cases() -> None:
    result = run(better, golden_set(30), RunSettings(goal="better", min_pass_rate=0.9))
    assert (result.verdict, result.not_run) == ("pass", 0)


@pytest.mark.parametrize(("least", "verdict"), [(0.5, "pass"), (0.6, "inconclusive"), (0.8, "fail")])
def test_unknown_results_are_neither_passes_nor_failures(least: float, verdict: str) -> None:
    """Two pass, one fails, one is too short for its language: between 2/4 and 3/4 pass."""
    german = {"evaluators": [{"name": "language", "language": "de"}]}
    cases = GoldenSet((*golden_set(3).cases, golden_case(id="short", input="ok", **german)))

    def respond(prompt: Prompt, case: GoldenCase) -> AppAnswer:
        return NO if case.id == "case-0" else YES

    result = run(respond, cases, RunSettings(min_pass_rate=least), baseline=None)
    assert (result.verdict, result.pass_rate.unknown, result.pass_rate.interval.n) == (verdict, 1, 3)


def test_an_app_that_answers_neither_prompt_proves_nothing() -> None:
    """A missing key makes every answer fail: equal, and yet no evidence that the candidate is not worse."""

    def respond(prompt: Prompt, case: GoldenCase) -> AppAnswer:
        return failed_answer("error", "no key")

    result = run(respond, golden_set(200), RunSettings())
    assert result.comparison is not None
    assert (result.verdict, result.comparison.left_out, result.comparison.difference.n) == ("inconclusive", 200, 0)
    assert run(respond, golden_set(2), RunSettings(min_pass_rate=0.1), baseline=None).verdict == "fail"


def test_a_failed_answer_is_a_loss() -> None:
    def respond(prompt: Prompt, case: GoldenCase) -> AppAnswer:
        return failed_answer("timeout", "late") if prompt == CANDIDATE else YES

    assert run(respond, golden_set(20), RunSettings()).verdict == "fail"


def test_a_new_failure_of_a_protected_case_fails_the_run() -> None:
    cases = GoldenSet((*golden_set(30).cases, golden_case(id="never", input="Never", protected=True)))

    def respond(prompt: Prompt, case: GoldenCase) -> AppAnswer:
        return worse(prompt, case) if case.protected else better(prompt, case)

    result = run(respond, cases, RunSettings(goal="better"))
    assert result.comparison is not None
    assert (result.comparison.conclusion, result.verdict) == ("better", "fail")
    assert result.protected.new_failures == ("never",)
    never = next(outcome for outcome in result.outcomes if outcome.case.id == "never")
    assert never.counted == (result.comparison.losses == 1)


def test_protected_cases_are_run_after_an_early_stop_and_not_counted() -> None:
    cases = GoldenSet(tuple(golden_case(id=str(i), input=f"{i}", protected=True) for i in range(40)))
    result = run(better, cases, RunSettings(goal="better"))
    assert (result.verdict, len(result.outcomes), result.not_run) == ("pass", 40, 0)
    assert sum(outcome.counted for outcome in result.outcomes) == 8
    assert result.comparison is not None
    assert result.comparison.difference.n == 8


def test_an_old_failure_of_a_protected_case_is_not_new() -> None:
    result = run(lambda prompt, case: NO, golden_set(3, protected=True), RunSettings())
    assert result.checks[-1].verdict == "pass"


def test_an_unknown_protected_case_is_inconclusive() -> None:
    german = [{"name": "language", "language": "de"}]
    result = run(equal, golden_set(3, protected=True, evaluators=german), RunSettings(), baseline=None)
    assert (result.verdict, len(result.protected.unknown)) == ("inconclusive", 3)


def test_any_repeat_that_fails_is_a_new_failure() -> None:
    asked: list[str] = []

    def respond(prompt: Prompt, case: GoldenCase) -> AppAnswer:
        asked.append(prompt.digest)
        return NO if prompt == CANDIDATE and asked.count(CANDIDATE.digest) == 3 else YES

    result = run(respond, golden_set(1, protected=True), RunSettings(repeats=4))
    assert (result.verdict, result.protected.new_failures) == ("fail", ("case-0",))


def test_repeats_are_averaged() -> None:
    answers = iter([YES, NO, YES, YES])  # baseline, candidate, baseline, candidate
    result = run(lambda prompt, case: next(answers), golden_set(1), RunSettings(repeats=2))
    assert result.comparison is not None
    assert (result.comparison.difference.mean, result.comparison.losses) == (-0.5, 1)


def test_prompts_are_asked_in_pairs() -> None:
    answerer = FunctionAnswerer(equal)
    run_evaluation(answerer, golden_set(1), CANDIDATE, BASELINE, RunSettings(repeats=2), 1)
    assert [digest for digest, _ in answerer.asked] == [BASELINE.digest, CANDIDATE.digest] * 2


def test_another_metric_can_be_compared() -> None:
    similar = [{"name": "similarity", "threshold": 0.9}]

    def respond(prompt: Prompt, case: GoldenCase) -> AppAnswer:
        return AppAnswer("abcdefgh" if prompt == CANDIDATE else "ab")

    cases = golden_set(40, reference="abcdefghij", evaluators=similar)
    result = run(respond, cases, RunSettings(goal="better", metric="similarity"))
    assert result.verdict == "pass"
    assert result.comparison is not None
    assert result.comparison.difference.mean == pytest.approx(0.6)
    assert result.pass_rate.interval.mean == 0.0


def test_metrics_and_tags_are_summarised() -> None:
    cases = GoldenSet(tuple(golden_case(id=str(i), input=f"{i}", tags=["odd"] if i % 2 else []) for i in range(10)))
    result = run(better, cases, RunSettings(all_cases=True))
    assert [(each.name, each.candidate, each.baseline) for each in result.metrics] == [("contains", 1.0, 0.0)]
    (odd,) = result.tags
    assert odd.difference is not None
    assert (odd.name, odd.difference.n, odd.difference.mean) == ("odd", 5, 1.0)
