"""Evaluators of tool calls: accuracy and F1, as Ragas 0.4 defines them.

One exception: where no call is expected and none was made, F1 is 1.
"""

from collections.abc import Mapping, Sequence

from ratchet.prompt import Json
from ratchet.prompt.canonical import canonical_bytes
from ratchet_evaluation.domain.answers import AppAnswer, CalledTool, parse_tool_calls
from ratchet_evaluation.domain.cases import GoldenCase
from ratchet_evaluation.domain.evaluators.definition import (
    EvaluatorDefinition,
    Measured,
    Parameters,
    UnknownScore,
    graded,
)
from ratchet_evaluation.domain.evaluators.json_values import equal_json
from ratchet_evaluation.domain.evaluators.texts import THRESHOLD


def _made(answer: AppAnswer) -> tuple[CalledTool, ...]:
    if answer.tools is None:
        raise UnknownScore("the app did not report its tool calls")
    return answer.tools


def _accuracy(case: GoldenCase, answer: AppAnswer, parameters: Parameters) -> Measured:
    made, expected = _made(answer), parse_tool_calls(parameters["calls"])
    if parameters.get("any_order") is True:
        made, expected = _sorted(made), _sorted(expected)
    return graded(tool_call_accuracy(made, expected), parameters)


def tool_call_accuracy(made: Sequence[CalledTool], expected: Sequence[CalledTool]) -> float:
    """Return the mean share of expected arguments that are equal; 0 unless the same tools were called in order."""
    if [call.name for call in made] != [call.name for call in expected]:
        return 0.0
    if not expected:
        return 1.0
    shares = [_equal_share(call.arguments, wanted.arguments) for call, wanted in zip(made, expected, strict=True)]
    return sum(shares) / len(shares)


def _equal_share(given: Mapping[str, Json], wanted: Mapping[str, Json]) -> float:
    if not wanted:
        return 0.0 if given else 1.0
    return sum(name in given and equal_json(given[name], value) for name, value in wanted.items()) / len(wanted)


def _f1(case: GoldenCase, answer: AppAnswer, parameters: Parameters) -> Measured:
    return graded(tool_call_f1(_made(answer), parse_tool_calls(parameters["calls"])), parameters)


def tool_call_f1(made: Sequence[CalledTool], expected: Sequence[CalledTool]) -> float:
    """Return the harmonic mean of precision and recall over distinct calls, equal in name and all arguments."""
    given, wanted = ({_key(call) for call in calls} for calls in (made, expected))
    return 2.0 * len(given & wanted) / (len(given) + len(wanted)) if given or wanted else 1.0


def _sorted(calls: Sequence[CalledTool]) -> tuple[CalledTool, ...]:
    return tuple(sorted(calls, key=_key))


def _key(call: CalledTool) -> tuple[str, bytes]:
    return call.name, canonical_bytes({**call.arguments})


def _check(parameters: Parameters, field: str) -> None:
    parse_tool_calls(parameters["calls"], f"{field}.calls")


_CALLS: dict[str, Json] = {"calls": {"type": "array"}, "threshold": THRESHOLD}

EVALUATORS = (
    EvaluatorDefinition(
        "tool_call_accuracy", "higher_is_better", "share",
        "share of expected arguments that are equal; 0 unless exactly the tools in `calls` were called, in their order",
        _accuracy, {**_CALLS, "any_order": {"type": "boolean"}}, required=("calls", "threshold"), check=_check,
    ),
    EvaluatorDefinition(
        "tool_call_f1", "higher_is_better", "share", "F1 of the calls, equal in name and arguments to those in `calls`",
        _f1, _CALLS, required=("calls", "threshold"), check=_check,
    ),
)  # fmt: skip
