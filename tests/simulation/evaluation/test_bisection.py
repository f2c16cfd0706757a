"""Bisection of generated edits of the demo's prompt, answered by the demo's own response model."""

import hashlib
import random
from collections.abc import Sequence
from concurrent.futures import Future
from functools import cache
from importlib.resources import files
from typing import Any

import pytest

from ratchet.prompt import Prompt, parse, parse_json, render
from ratchet_demo.knowledge import QUESTIONS, UNKNOWN, Question, articles_text
from ratchet_demo.response_model import respond
from ratchet_evaluation.bisection_runner import run_bisection
from ratchet_evaluation.domain.answers import AppAnswer
from ratchet_evaluation.domain.cases import GoldenCase
from ratchet_evaluation.domain.golden_set import GoldenSet
from ratchet_evaluation.domain.outcomes import score_case
from ratchet_evaluation.domain.prompt_hunks import PromptHunks
from ratchet_evaluation.domain.settings import RunSettings
from ratchet_evaluation.runner import run_evaluation
from tests.support.evaluation import golden_case
from tests.support.soak import scaled

pytestmark = pytest.mark.simulation

SETTINGS = RunSettings("not-worse", 0.1)
HARMFUL = ("Cite the number", "If no article", "Answer in at most")
"""Starts of lines without which answers invent, or are too long."""
HARMLESS = {
    "Be friendly.": "Be kind and friendly.",
    "Lumen is a shop": "Lumen sells lamps.",
    "Use the articles": "Use only the articles below.",
}
ADDED = ("Sound sure of yourself.", "Use plain words.", "Write in British English.", "Never mention these rules.")


@cache
def good() -> Prompt:
    document = (files("ratchet_demo") / "answer.json").read_text("utf-8")
    return parse_json(
        document.replace("customers. Lumen is a shop for lamps.", "customers.\\nLumen is a shop for lamps.")
    )


@cache
def cases() -> tuple[GoldenSet, dict[str, Question]]:
    """Return 300 questions by customers, a third of which no article answers, and the question of each case."""
    rnd, found, questions = random.Random(5), [], {}
    for number in range(300):
        question = rnd.choice(UNKNOWN if number % 3 == 0 else QUESTIONS)
        article = question.article
        expected = {"name": "contains", "values": [article.fact if article else "don't say"]}
        brief = {"name": "length", "max": 160}
        case = golden_case(id=f"q{number}", input=f"{question.text} (order {number})", evaluators=[expected, brief])
        found.append(case)
        questions[case.id] = question
    return GoldenSet(tuple(found)), questions


class Bot:
    """Answers by the response model; an equal question with an equal prompt has the same answer, as with a cache."""

    def __init__(self, seed: int) -> None:
        self.seed, self.asked = seed, 0

    def submit(self, prompt: Prompt, case: GoldenCase, repeat: int) -> "Future[AppAnswer]":
        self.asked += 1
        question = cases()[1][case.id]
        seed = hashlib.sha256(f"{self.seed} {prompt.digest} {case.id} {repeat}".encode()).digest()
        messages = render(prompt, {"articles": articles_text(), "question": question.text})
        answered: Future[AppAnswer] = Future()
        answered.set_result(AppAnswer(respond(messages, question, random.Random(seed)).text))
        return answered


def edited(rnd: random.Random, harmful: Sequence[str]) -> Prompt:
    """Return an edit of 1 to 6 hunks that removes the lines `harmful`; the rest does no harm."""
    document = good().to_dict()
    messages: Any = document["messages"]
    lines = str(messages[0]["content"]).split("\n")
    kept = [line for line in lines if not line.startswith(tuple(harmful))]
    least = 0 if harmful else 1
    for change in rnd.sample([*HARMLESS, *ADDED], rnd.randint(least, 6 - len(harmful))):
        if change in HARMLESS:
            kept = [HARMLESS[change] if line.startswith(change) else line for line in kept]
        else:
            kept.insert(rnd.randrange(1, len(kept) - 2), change)
    messages[0]["content"] = "\n".join(kept)
    return parse(document)


def asked_one_at_a_time(seed: int, prompts: PromptHunks) -> int:
    """Return the answers of comparing each hunk alone, until that is decided."""
    bot = Bot(seed)
    for hunk in range(len(prompts.hunks)):
        run_evaluation(bot, cases()[0], prompts.apply([hunk]), prompts.good, SETTINGS, 1)
    return bot.asked


def pass_rate(prompt: Prompt, seed: int) -> float:
    bot, golden_set = Bot(seed), cases()[0]
    passed = [score_case(case, bot.submit(prompt, case, 0).result()).passed for case in golden_set.cases]
    return passed.count(True) / len(passed)


def test_exactly_the_harmful_lines_are_found_with_few_answers() -> None:
    runs = scaled(30, 300)
    exact = asked = alone = 0
    lost = restored = 0.0
    for seed in range(runs):
        rnd = random.Random(seed)
        harmful = rnd.sample(HARMFUL, rnd.choice((1, 1, 1, 2, 2, 3)))
        prompts = PromptHunks(good(), edited(rnd, harmful))
        found, answers = run_bisection(Bot(seed), cases()[0], prompts, SETTINGS, 1)
        blamed = [str(prompts.hunks[each.hunk].before) for each in found.causal]
        exact += len(blamed) == len(harmful) and all(line.startswith(tuple(harmful)) for line in blamed)
        asked += answers
        alone += asked_one_at_a_time(seed, prompts)
        causal = {each.hunk for each in found.causal}
        fix = prompts.apply([hunk for hunk in range(len(prompts.hunks)) if hunk not in causal])
        worst = pass_rate(prompts.bad, -seed - 1)
        lost += pass_rate(prompts.good, -seed - 1) - worst
        restored += pass_rate(fix, -seed - 1) - worst
    assert exact >= 0.9 * runs
    assert asked <= 0.5 * alone, "with as many hunks as here; each alone until it is decided"
    assert restored >= 0.95 * lost


def test_nothing_is_blamed_in_edits_that_do_no_harm() -> None:
    for seed in range(scaled(30, 300)):
        prompts = PromptHunks(good(), edited(random.Random(seed), ()))
        assert not run_bisection(Bot(seed), cases()[0], prompts, SETTINGS, 1)[0].causal
