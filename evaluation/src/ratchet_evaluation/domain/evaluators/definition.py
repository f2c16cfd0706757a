"""What an evaluator is: a function of case and answer, with direction, unit, parameters and a digest."""

import hashlib
import inspect
import json
import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.metadata import version
from typing import Literal

from ratchet.prompt import Json
from ratchet.prompt.canonical import canonical_bytes, digest_of
from ratchet_evaluation.domain.answers import AppAnswer
from ratchet_evaluation.domain.cases import GoldenCase

ScoreDirection = Literal["higher_is_better", "lower_is_better"]
ScoreUnit = Literal["share", "characters", "words"]
"""`share` is a number from 0 to 1."""
CaseField = Literal["expected", "reference", "contexts"]
Parameters = Mapping[str, Json]


class UnknownScore(Exception):
    """The evaluator can't judge this answer; the message says why. Unknown is never 0."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What an evaluator found: a value in its unit, and whether the answer passes."""

    value: float
    passed: bool


Evaluate = Callable[[GoldenCase, AppAnswer, Parameters], Measured]


@dataclass(frozen=True, slots=True)
class EvaluatorDefinition:
    """One evaluator of the catalogue.

    `parameters`: JSON Schema of each parameter; those in `required` must be given. `needs`: fields of the case of which
    at least one must be there. `check` raises CaseError for parameters that the schema can't check. `libraries`:
    distributions whose version may change a score.
    """

    name: str
    direction: ScoreDirection
    unit: ScoreUnit
    description: str
    evaluate: Evaluate
    parameters: Mapping[str, Json]
    required: tuple[str, ...] = ()
    needs: tuple[CaseField, ...] = ()
    check: Callable[[Parameters, str], None] | None = None
    libraries: tuple[str, ...] = ()

    def digest(self, parameters: Parameters) -> str:
        """Return the digest of the evaluator: its code, the versions of its libraries, and the parameters."""
        return _digest(self.name, self.evaluate.__module__, self.libraries, canonical_bytes({**parameters}))


@dataclass(frozen=True, slots=True)
class EvaluatorScore:
    """The score of one answer by one evaluator.

    `value` is in the unit of the evaluator; `score` is from 0 (worst) to 1 (best). All three are None if unknown, and
    `reason` then says why. A score that does not decide is shown, and changes no verdict.
    """

    name: str
    digest: str
    value: float | None
    score: float | None
    passed: bool | None
    reason: str | None = None
    decides: bool = True


def score_answer(
    definition: EvaluatorDefinition, parameters: Parameters, case: GoldenCase, answer: AppAnswer
) -> EvaluatorScore:
    """Return the score of an answer; unknown if the evaluator can't judge it or fails.

    A failed answer has the worst score: the app did not answer.
    """
    digest = definition.digest(parameters)
    if answer.failure:
        return EvaluatorScore(definition.name, digest, None, 0.0, False, answer.failure.message)
    try:
        found = definition.evaluate(case, answer, parameters)
        if not math.isfinite(found.value):
            raise UnknownScore("the evaluator returned no finite number")
    except UnknownScore as error:
        return EvaluatorScore(definition.name, digest, None, None, None, str(error))
    except Exception as error:  # the output is untrusted: whatever breaks an evaluator makes the score unknown
        reason = f"the evaluator failed: {type(error).__name__}"
        return EvaluatorScore(definition.name, digest, None, None, None, reason)
    return EvaluatorScore(definition.name, digest, found.value, _normalised(definition, found), found.passed)


def graded(value: float, parameters: Parameters) -> Measured:
    """Return a share that passes from the parameter `threshold` on."""
    threshold = parameters["threshold"]
    if not isinstance(threshold, int | float):
        raise TypeError("threshold")
    return Measured(value, value >= threshold - 1e-12)


def flag(passed: bool) -> Measured:
    """Return 1 for an answer that passes and 0 for one that does not."""
    return Measured(float(passed), passed)


def _normalised(definition: EvaluatorDefinition, found: Measured) -> float:
    if definition.unit != "share":
        return float(found.passed)
    return found.value if definition.direction == "higher_is_better" else 1.0 - found.value


@lru_cache(4096)
def _digest(name: str, module: str, libraries: tuple[str, ...], parameters: bytes) -> str:
    """Return the digest of an evaluator. Most cases have the same few evaluators."""
    about: dict[str, Json] = {
        "schema": "ratchet.evaluator/1",
        "name": name,
        "parameters": json.loads(parameters),
        "code": _code_digest(module),
        "libraries": {library: version(library) for library in libraries},
    }
    return digest_of(canonical_bytes(about))


@cache
def _code_digest(module: str) -> str:
    return "sha256:" + hashlib.sha256(inspect.getsource(sys.modules[module]).encode()).hexdigest()
