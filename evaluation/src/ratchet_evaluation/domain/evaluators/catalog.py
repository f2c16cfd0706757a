"""The catalogue of evaluators, and the check of what cases ask of them."""

from collections.abc import Mapping
from types import MappingProxyType

from ratchet_evaluation.domain.case_fields import CaseError
from ratchet_evaluation.domain.cases import EvaluatorSpec, GoldenCase
from ratchet_evaluation.domain.evaluators import citations, json_values, languages, retrieval, texts, tool_calls
from ratchet_evaluation.domain.evaluators.definition import EvaluatorDefinition

CATALOG: Mapping[str, EvaluatorDefinition] = MappingProxyType(
    {
        definition.name: definition
        for module in (texts, json_values, languages, citations, tool_calls, retrieval)
        for definition in module.EVALUATORS
    }
)


def check_case(case: GoldenCase) -> None:
    """Raise CaseError if an evaluator of a case is unknown, has wrong parameters, or lacks a field of the case."""
    for i, spec in enumerate(case.evaluators):
        check_spec(spec, f"evaluators[{i}]")
        definition = CATALOG[spec.name]
        given = {"expected": case.expected, "reference": case.reference, "contexts": case.contexts}
        lacks = definition.needs and all(given[field] is None for field in definition.needs)
        if lacks and "values" not in spec.parameters:
            raise CaseError(definition.needs[-1], f"is missing: the evaluator {spec.name} needs it")


def check_spec(spec: EvaluatorSpec, field: str) -> None:
    """Raise CaseError if an evaluator is not in the catalogue or its parameters are wrong."""
    from jsonschema import Draft202012Validator  # at its use, because it takes 30 ms and 3 MB
    from jsonschema.exceptions import best_match

    definition = CATALOG.get(spec.name)
    if definition is None:
        raise CaseError(f"{field}.name", f"is not an evaluator; the evaluators are: {', '.join(CATALOG)}")
    schema = {
        "type": "object",
        "properties": {**definition.parameters},
        "required": [*definition.required],
        "additionalProperties": False,
    }
    error = best_match(Draft202012Validator(schema).iter_errors({**spec.parameters}))
    if error is not None:
        path = "".join(f"[{each}]" if isinstance(each, int) else f".{each}" for each in error.absolute_path)
        raise CaseError(f"{field}{path}", error.message[:300])
    if definition.check:
        definition.check(spec.parameters, field)
