"""Bisection with a known truth instead of an app."""

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from ratchet_evaluation.bisection_runner import AnswerCache, run_bisection
from ratchet_evaluation.domain.answers import AppAnswer
from ratchet_evaluation.domain.bisection import Hunks, bisect_hunks
from ratchet_evaluation.domain.cases import GoldenCase
from ratchet_evaluation.domain.prompt_hunks import PromptHunks
from ratchet_evaluation.domain.settings import RunSettings
from ratchet_evaluation.domain.statistics.comparison import ComparisonResult, Conclusion
from ratchet_evaluation.domain.statistics.wealth import MeanInterval
from tests.support.evaluation import FunctionAnswerer, golden_set
from tests.unit.evaluation.test_prompt_hunks import prompt


def compared(conclusion: Conclusion) -> ComparisonResult:
    return ComparisonResult("not-worse", 0.1, conclusion, MeanInterval(9, 0.0, -1.0, 1.0), 0, 9, 0, 0, None)


def truth(worse: Callable[[Hunks], bool]) -> Callable[[Hunks, int], ComparisonResult]:
    return lambda hunks, limit: compared("worse" if worse(hunks) else "not worse")


@given(st.integers(1, 40), st.data())
def test_exactly_the_harmful_hunks_are_blamed(count: int, data: st.DataObject) -> None:
    harmful = data.draw(st.sets(st.integers(0, count - 1), max_size=5))
    found = bisect_hunks(count, truth(lambda hunks: bool(hunks & harmful)), 100, 0.1)
    assert {each.hunk for each in found.causal} == harmful
    assert found.cleared == frozenset(range(count)) - harmful
    assert not found.undecided
    assert len({probe.hunks for probe in found.probes}) == len(found.probes), "nothing is asked twice"
    if harmful and len(harmful) < count:
        assert found.restored is not None
        assert found.restored.cleared


def test_one_harmful_line_of_many_takes_a_logarithm_of_comparisons() -> None:
    found = bisect_hunks(64, truth(lambda hunks: 17 in hunks), 100, 0.1)
    assert len(found.probes) <= 14


@given(st.integers(2, 12), st.data())
def test_hunks_that_harm_only_together_are_not_cleared_together(count: int, data: st.DataObject) -> None:
    pair = data.draw(st.sets(st.integers(0, count - 1), min_size=2, max_size=2))
    found = bisect_hunks(count, truth(lambda hunks: pair <= hunks), 100, 0.1)
    assert {each.hunk for each in found.causal} & pair
    assert found.restored is None or found.restored.cleared


def test_undecided_hunks_are_neither_blamed_nor_cleared() -> None:
    found = bisect_hunks(3, lambda hunks, limit: compared("worse" if 0 in hunks else "undecided"), 100, 0.1)
    assert ([each.hunk for each in found.causal], found.cleared, found.undecided) == (
        [0],
        frozenset(),
        frozenset({1, 2}),
    )
    nothing = bisect_hunks(3, lambda hunks, limit: compared("undecided"), 100, 0.1)
    assert (nothing.undecided, nothing.causal) == (frozenset(range(3)), ())


def test_too_few_cases_to_tell_which_hunk_it_is_blame_none() -> None:
    found = bisect_hunks(4, lambda hunks, limit: compared("worse" if len(hunks) == 4 else "undecided"), 30, 0.1)
    assert (found.causal, found.undecided, found.restored) == ((), frozenset(range(4)), None)


def test_harm_that_shows_late_is_found_with_more_cases() -> None:
    found = bisect_hunks(
        4, lambda hunks, limit: compared("worse" if 2 in hunks and limit >= 150 else "undecided"), 400, 0.1
    )
    assert [each.hunk for each in found.causal] == [2]


def test_nothing_is_blamed_for_an_edit_that_does_no_harm() -> None:
    found = bisect_hunks(6, truth(lambda hunks: False), 100, 0.1)
    assert (len(found.probes), found.causal, found.restored) == (1, (), None)


def respond(given: object, case: GoldenCase) -> AppAnswer:
    return AppAnswer("yes" if "Cite." in str(given.to_dict()) else "no")  # type: ignore[attr-defined]


def test_answers_with_the_good_prompt_are_asked_for_once() -> None:
    app = FunctionAnswerer(respond)
    prompts = PromptHunks(prompt("Cite.", "Be brief."), prompt("Be very brief.", "Sound sure."))
    settings = RunSettings("not-worse", 0.2)
    found, asked = run_bisection(app, golden_set(60), prompts, settings, 1)
    assert [each.hunk for each in found.causal] == [0]
    assert found.causal[0].shown_by.comparison.difference.high < 0
    assert asked == len(app.asked) == len(set(app.asked))


def test_cancelled_question_is_asked_again() -> None:
    cache, (case, *_) = AnswerCache(FunctionAnswerer(respond)), golden_set(1).cases
    first = cache.submit(prompt("Cite."), case, 0)
    assert cache.submit(prompt("Cite."), case, 0) is first
    first._state = "CANCELLED"
    assert cache.submit(prompt("Cite."), case, 0) is not first


def test_repeats_are_different_questions() -> None:
    cache, (case, *_) = AnswerCache(FunctionAnswerer(respond)), golden_set(1).cases
    for repeat in (0, 1, 0):
        cache.submit(prompt("Cite."), case, repeat)
    assert cache.asked == 2
