"""The demo's golden set, and the verdicts that the bot's own answers to it lead to."""

import json
from collections.abc import Callable
from concurrent.futures import Future
from functools import cache
from importlib.resources import as_file, files

import pytest

from ratchet.client.prompts import ServedPrompt
from ratchet.client.worker import AskedCase
from ratchet.prompt import Prompt, parse
from ratchet_demo.golden_answers import answer, find_question
from ratchet_demo.knowledge import QUESTIONS, UNKNOWN
from ratchet_demo.script import ADDED, DROPPED, LAST
from ratchet_evaluation.domain.answers import AppAnswer, parse_answer
from ratchet_evaluation.domain.cases import GoldenCase
from ratchet_evaluation.domain.evaluation import EvaluationResult
from ratchet_evaluation.domain.golden_set import GoldenSet
from ratchet_evaluation.domain.near_duplicates import find_near_duplicates
from ratchet_evaluation.domain.settings import RunSettings
from ratchet_evaluation.golden_files import Manifest, manifest_json, read_golden_set
from ratchet_evaluation.runner import run_evaluation
from tests.support.soak import scaled

PACKAGE = files("ratchet_demo")
Edit = Callable[[str], str]


@cache
def golden_set() -> GoldenSet:
    with as_file(PACKAGE) as folder:
        return read_golden_set(folder / "golden_set.jsonl")[0]


class DemoBot:
    """Answers cases as the demo's worker does."""

    def submit(self, prompt: Prompt, case: GoldenCase, repeat: int) -> Future[AppAnswer]:
        future: Future[AppAnswer] = Future()
        asked = AskedCase(**case.asked, repeat=repeat)  # type: ignore[arg-type]
        future.set_result(parse_answer(answer(ServedPrompt("answer", prompt, live=False), asked)))
        return future


def edited(edit: Edit) -> Prompt:
    """Return the bot's prompt with another system message."""
    document = json.loads((PACKAGE / "answer.json").read_text("utf-8"))
    document["messages"][0]["content"] = edit(document["messages"][0]["content"])
    return parse(document)


def worsen(text: str) -> str:
    assert DROPPED in text
    return text.replace(DROPPED, "").replace(LAST, LAST + ADDED)


def evaluate(candidate: Edit, base: Edit = worsen) -> EvaluationResult:
    settings = RunSettings("better")
    return run_evaluation(DemoBot(), golden_set(), edited(candidate), edited(base), settings, 1)


def test_golden_set_covers_the_knowledge_and_is_described_by_its_manifest() -> None:
    cases = golden_set().cases
    by_input = {case.input: case for case in cases}
    for question in QUESTIONS:
        assert question.article is not None
        contains, citations = by_input[question.text].evaluators
        assert (contains.name, contains.parameters["values"]) == ("contains", [question.article.fact])
        assert citations.name == "citations"
    unknown = [case for case in cases if find_question(str(case.input)).article is None]
    assert {question.text for question in UNKNOWN} < {case.input for case in unknown}
    assert {case.evaluators[0].name for case in unknown} == {"refusal"}
    assert len(golden_set().clusters) == len(QUESTIONS) + len(unknown) == 50
    assert not find_near_duplicates(cases)
    content = (PACKAGE / "golden_set.jsonl").read_bytes()
    manifest = json.loads((PACKAGE / "golden_set.manifest.json").read_text("utf-8"))
    assert manifest_json(Manifest("support-bot-demo", "Apache-2.0"), golden_set(), content) == manifest


def test_answers_depend_on_prompt_case_and_repeat_only() -> None:
    prompt = ServedPrompt("answer", edited(worsen), live=False)
    case = AskedCase("A11-1", QUESTIONS[0].text)
    assert answer(prompt, case) == answer(prompt, case)
    costs = {answer(prompt, AskedCase("A11-1", QUESTIONS[0].text, repeat=repeat))["cost"] for repeat in range(9)}
    assert len(costs) == 9


def test_the_proposed_fix_passes() -> None:
    found = evaluate(lambda text: text.replace(LAST, LAST + ADDED))
    assert found.verdict == "pass"
    assert found.comparison is not None
    assert found.comparison.difference.low > 0.0
    assert found.comparison.difference.n >= 20


@pytest.mark.parametrize("number", range(scaled(20, 20, unit=4)))
def test_useful_fixes_pass_and_useless_ones_do_not(number: int) -> None:
    """Both have another digest each, and so another random seed."""
    line = f"Our line is open until {number} o'clock.\n"
    useless = evaluate(lambda text: worsen(text).replace(LAST, LAST + line))
    assert useless.verdict != "pass"
    assert evaluate(lambda text: text.replace(LAST, LAST + ADDED + line)).verdict == "pass"
