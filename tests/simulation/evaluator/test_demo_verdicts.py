"""Verdicts of the evaluator on the demo's response model: a fix that helps passes, one that doesn't is not passed."""

import json
import random
from collections.abc import Sequence
from importlib.resources import files

import pytest

from evaluator.domain.evaluation_terms import settings_for
from evaluator.domain.run_plan import plan_run
from ratchet.client.prompts import ServedPrompt
from ratchet.prompt import Json, Prompt, parse
from ratchet_demo.knowledge import QUESTIONS, UNKNOWN, Question, articles_text
from ratchet_demo.response_model import respond
from ratchet_demo.script import ADDED, DROPPED
from ratchet_evaluation.domain.answers import AppAnswer
from ratchet_evaluation.domain.cases import GoldenCase
from ratchet_evaluation.domain.golden_set import GoldenSet
from ratchet_evaluation.domain.outcomes import EvaluationArm
from ratchet_evaluation.domain.verdict import Verdict
from shared.events.proposals import ProposalKind
from tests.support.evaluation import golden_case
from tests.support.evaluator_runs import run_plan
from tests.support.soak import scaled

pytestmark = pytest.mark.simulation

SEEDS = range(scaled(20, 200))
ADMIT = "If no article has the answer, say so.\n"
BRIEF = "Answer in at most two sentences.\n"
ASKED = (*QUESTIONS, *UNKNOWN)
ORIGINAL: str = (files("ratchet_demo") / "answer.json").read_text("utf-8")


def demo_prompt(*dropped: str, added: str = "") -> Prompt:
    """Return the bot's prompt without some lines, and with others at its end."""
    document = json.loads(ORIGINAL)
    system = document["messages"][0]
    for line in dropped:
        assert line in system["content"]
        system["content"] = system["content"].replace(line, "")
    system["content"] = system["content"].replace("Be friendly.\n", f"Be friendly.\n{added}")
    return parse(document)


def demo_set(cited: bool) -> GoldenSet:
    """Return a case for each question: its fact, `cited` with the article's number; a refusal if no article has it."""

    def case(i: int, question: Question) -> GoldenCase:
        article = question.article
        cite = [f"[{article.number}]"] if article and cited else []
        values: list[Json] = [article.fact, *cite] if article else ["articles don't say"]
        return golden_case(id=f"case-{i}", input=question.text, evaluators=[{"name": "contains", "values": values}])

    return GoldenSet(tuple(case(i, question) for i, question in enumerate(ASKED)))


def verdicts(
    candidate: Prompt, base: Prompt, kind: ProposalKind, *, cited: bool = True, repeats: int = 1
) -> Sequence[Verdict]:
    """Return the verdicts of runs in which the response model is the app; each answer draws by itself."""
    prompts = {
        "candidate": ServedPrompt("answer", candidate, live=False),
        "baseline": ServedPrompt("answer", base, live=False),
    }
    plan = plan_run(demo_set(cited), candidate.digest, base.digest, repeats)

    def run(seed: int) -> Verdict:
        def answer(case: GoldenCase, arm: EvaluationArm, repeat: int) -> AppAnswer:
            question = ASKED[int(case.id.removeprefix("case-"))]
            rendered = prompts[arm].render(articles=articles_text(), question=question.text)
            return AppAnswer(respond(rendered, question, random.Random(f"{seed} {case.id} {arm} {repeat}")).text)

        return run_plan(plan, settings_for(kind, repeats), answer, ahead=16)[0].verdict

    return [run(seed) for seed in SEEDS]


BAD = demo_prompt(DROPPED, added=ADDED)


FIXES = {"restored line": demo_prompt(added=ADDED), "rollback": demo_prompt()}
USELESS = {
    "added line removed": demo_prompt(DROPPED),
    "line without effect": demo_prompt(DROPPED, added="Be precise.\n"),
    "longer": demo_prompt(DROPPED, BRIEF, added=ADDED),
    "worse": demo_prompt(DROPPED, ADMIT, added=ADDED),
}


@pytest.mark.parametrize("fix", FIXES)
def test_a_fix_that_helps_passes(fix: str) -> None:
    found = verdicts(FIXES[fix], BAD, "restore")
    assert found.count("pass") >= 0.9 * len(found)


def test_more_answers_show_a_smaller_difference() -> None:
    """Facts alone: 38 % are invented without the instruction to cite, 3 % with it."""
    once, often = (verdicts(demo_prompt(), BAD, "restore", cited=False, repeats=repeats) for repeats in (1, 3))
    assert once.count("pass") < often.count("pass") >= 0.9 * len(often)
    assert "fail" not in (*once, *often)


@pytest.mark.parametrize("cited", [True, False])
@pytest.mark.parametrize("fix", USELESS)
def test_a_useless_fix_never_passes(fix: str, cited: bool) -> None:
    assert "pass" not in verdicts(USELESS[fix], BAD, "restore", cited=cited)


def test_an_edit_that_makes_answers_worse_never_passes() -> None:
    found = verdicts(BAD, demo_prompt(), "edit")
    assert found.count("fail") >= 0.9 * len(found)
    assert "pass" not in found
