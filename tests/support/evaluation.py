"""Golden cases, answers and runs without processes, for tests of the evaluation."""

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any

from ratchet.prompt import Json, Prompt, from_text
from ratchet_evaluation.domain.answers import AppAnswer, CalledTool, Context
from ratchet_evaluation.domain.cases import EvaluatorSpec, GoldenCase, parse_case
from ratchet_evaluation.domain.evaluation import EvaluationResult
from ratchet_evaluation.domain.evaluators.catalog import CATALOG, check_case
from ratchet_evaluation.domain.evaluators.definition import EvaluatorScore, score_answer
from ratchet_evaluation.domain.golden_set import GoldenSet
from ratchet_evaluation.domain.settings import RunSettings
from ratchet_evaluation.runner import run_evaluation

CANDIDATE, BASELINE = from_text("Answer the question, and say the price."), from_text("Answer the question.")

Respond = Callable[[Prompt, GoldenCase], AppAnswer]


def golden_case(**fields: Any) -> GoldenCase:
    """Return a checked case, by default one whose answer must contain "yes"."""
    case = parse_case({"input": "Question?", "evaluators": [{"name": "contains", "values": ["yes"]}], **fields})
    check_case(case)
    return case


def golden_set(count: int, **fields: Any) -> GoldenSet:
    """Return a set of `count` cases with ids from case-0 on."""
    return GoldenSet(tuple(golden_case(id=f"case-{i}", input=f"Question {i}?", **fields) for i in range(count)))


def score(
    name: str, answer: "AppAnswer | Json", parameters: Mapping[str, Json] | None = None, **fields: Any
) -> EvaluatorScore:
    """Return the score of an answer, or of an output, by one evaluator with checked parameters."""
    spec = EvaluatorSpec(name, parameters or {})
    case = golden_case(**fields, evaluators=[spec.to_json()])
    given = answer if isinstance(answer, AppAnswer) else AppAnswer(answer)
    return score_answer(CATALOG[name], spec.parameters, case, given)


def retrieved(*ids: str) -> AppAnswer:
    """Return an answer with contexts of these ids, best first."""
    return AppAnswer("", contexts=tuple(Context(each, "") for each in ids))


def called(*calls: tuple[str, Mapping[str, Json]]) -> AppAnswer:
    """Return an answer with these tool calls."""
    return AppAnswer("", tools=tuple(CalledTool(name, arguments) for name, arguments in calls))


class FunctionAnswerer:
    """Answers cases by a function, at once. `asked` has the prompt and the case of each call."""

    def __init__(self, respond: Respond) -> None:
        self._respond = respond
        self.asked: list[tuple[str, str]] = []

    def submit(self, prompt: Prompt, case: GoldenCase, repeat: int) -> Future[AppAnswer]:
        """Return a future that has its answer."""
        self.asked.append((prompt.digest, case.id))
        future: Future[AppAnswer] = Future()
        future.set_result(self._respond(prompt, case))
        return future


def run(
    respond: Respond, cases: GoldenSet, settings: RunSettings, *, baseline: Prompt | None = BASELINE, ahead: int = 1
) -> EvaluationResult:
    """Return the result of a run with a function as the app."""
    return run_evaluation(FunctionAnswerer(respond), cases, CANDIDATE, baseline, settings, ahead)
