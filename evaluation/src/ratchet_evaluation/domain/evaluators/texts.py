"""Evaluators of an output's text: exact, contains, regex, length, similarity."""

import unicodedata

from ratchet.prompt import Json
from ratchet_evaluation.domain.answers import AppAnswer
from ratchet_evaluation.domain.case_fields import CaseError
from ratchet_evaluation.domain.cases import GoldenCase
from ratchet_evaluation.domain.evaluators.bounded_regex import check_pattern, matches
from ratchet_evaluation.domain.evaluators.definition import EvaluatorDefinition, Measured, Parameters, flag, graded
from ratchet_evaluation.domain.evaluators.json_values import equal_json, output_json

_BOOLEAN: Json = {"type": "boolean"}
_COUNT: Json = {"type": "integer", "minimum": 0}
THRESHOLD: Json = {"type": "number", "minimum": 0, "maximum": 1}


def _comparable(text: str, parameters: Parameters) -> str:
    """Return a text in NFC with single spaces between its words; lower case unless case counts."""
    plain = " ".join(unicodedata.normalize("NFC", text).split())
    return plain.casefold() if parameters.get("ignore_case") else plain


def _exact(case: GoldenCase, answer: AppAnswer, parameters: Parameters) -> Measured:
    if not isinstance(case.expected, str):
        return flag(equal_json(output_json(answer.output), case.expected))
    return flag(_comparable(answer.text, parameters) == _comparable(case.expected, parameters))


def _contains(case: GoldenCase, answer: AppAnswer, parameters: Parameters) -> Measured:
    values = parameters.get("values", [case.expected])
    text = _comparable(answer.text, parameters)
    found = [_comparable(str(value), parameters) in text for value in (values if isinstance(values, list) else [])]
    return flag(any(found) if parameters.get("any") else all(found))


def _check_contains(parameters: Parameters, field: str) -> None:
    if parameters.get("values") == []:
        raise CaseError(f"{field}.values", "must not be empty")


def _regex(case: GoldenCase, answer: AppAnswer, parameters: Parameters) -> Measured:
    full, ignore_case = parameters.get("full") is True, parameters.get("ignore_case") is True
    found = matches(str(parameters["pattern"]), answer.text, full=full, ignore_case=ignore_case)
    return flag(found is not (parameters.get("absent") is True))


def _check_regex(parameters: Parameters, field: str) -> None:
    check_pattern(parameters["pattern"], f"{field}.pattern")


def _length(case: GoldenCase, answer: AppAnswer, parameters: Parameters) -> Measured:
    text = unicodedata.normalize("NFC", answer.text)
    return _outside(len(text), parameters)


def _words(case: GoldenCase, answer: AppAnswer, parameters: Parameters) -> Measured:
    return _outside(len(answer.text.split()), parameters)


def _outside(size: int, parameters: Parameters) -> Measured:
    least, most = (parameters.get(name) for name in ("min", "max"))
    short = max(0, least - size) if isinstance(least, int) else 0
    long = max(0, size - most) if isinstance(most, int) else 0
    return Measured(float(short + long), short + long == 0)


def _check_limits(parameters: Parameters, field: str) -> None:
    least, most = (parameters.get(name) for name in ("min", "max"))
    if least is None and most is None:
        raise CaseError(field, "needs min, max or both")
    if isinstance(least, int) and isinstance(most, int) and least > most:
        raise CaseError(f"{field}.min", "is greater than max")


def _similarity(case: GoldenCase, answer: AppAnswer, parameters: Parameters) -> Measured:
    from rapidfuzz.distance import Levenshtein  # at its use, because it takes 10 ms and 2 MB

    wanted = case.reference if case.reference is not None else case.expected
    texts = (_comparable(str(each), parameters) for each in (answer.text, wanted))
    return graded(Levenshtein.normalized_similarity(*texts), parameters)


_LIMITS: dict[str, Json] = {"min": _COUNT, "max": _COUNT}

EVALUATORS = (
    EvaluatorDefinition(
        "exact", "higher_is_better", "share", "the output equals `expected`: a text up to white space, JSON by value",
        _exact, {"ignore_case": _BOOLEAN}, needs=("expected",),
    ),
    EvaluatorDefinition(
        "contains", "higher_is_better", "share", "the output contains `values`, or `expected`: all, or `any` of them",
        _contains, {"values": {"type": "array", "items": {"type": "string"}}, "any": _BOOLEAN, "ignore_case": _BOOLEAN},
        needs=("expected",), check=_check_contains,
    ),
    EvaluatorDefinition(
        "regex", "higher_is_better", "share", "`pattern` occurs in the output, is all of it (`full`), or is `absent`",
        _regex, {"pattern": {"type": "string"}, "full": _BOOLEAN, "absent": _BOOLEAN, "ignore_case": _BOOLEAN},
        required=("pattern",), check=_check_regex, libraries=("regex",),
    ),
    EvaluatorDefinition(
        "length", "lower_is_better", "characters", "characters outside `min` and `max`",
        _length, _LIMITS, check=_check_limits,
    ),
    EvaluatorDefinition(
        "word_count", "lower_is_better", "words", "words outside `min` and `max`",
        _words, _LIMITS, check=_check_limits,
    ),
    EvaluatorDefinition(
        "similarity", "higher_is_better", "share",
        "1 - Levenshtein distance / longer length, to `reference` or `expected`; passes from `threshold` on",
        _similarity, {"threshold": THRESHOLD, "ignore_case": _BOOLEAN}, required=("threshold",),
        needs=("reference", "expected"), libraries=("rapidfuzz",),
    ),
)  # fmt: skip
