"""Evaluators of outputs that are data: JSON Schema and formats."""

import json
import math
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from typing import NoReturn
from uuid import UUID

from ratchet.prompt import Json
from ratchet.prompt.canonical import canonical_bytes, normal
from ratchet.prompt.errors import PromptError
from ratchet_evaluation.domain.answers import AppAnswer
from ratchet_evaluation.domain.case_fields import CaseError
from ratchet_evaluation.domain.cases import GoldenCase
from ratchet_evaluation.domain.evaluators.bounded_regex import check_pattern
from ratchet_evaluation.domain.evaluators.definition import (
    EvaluatorDefinition,
    Measured,
    Parameters,
    flag,
)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def parse_json_text(text: str) -> Json:
    """Return the value of a JSON text. Raises ValueError; NaN and Infinity are no JSON."""
    try:
        return normal(json.loads(text, parse_constant=_no_constant), "output")
    except (RecursionError, PromptError) as error:
        raise ValueError(str(error)) from None


def output_json(output: Json) -> Json:
    """Return an output as JSON: that of its text if it is JSON, else the output itself."""
    if not isinstance(output, str):
        return output
    try:
        return parse_json_text(output)
    except ValueError:
        return output


def equal_json(first: Json, second: Json) -> bool:
    """Return whether two JSON values are the same: 1 and 1.0 are, 1 and true are not."""
    return canonical_bytes(normal(first, "")) == canonical_bytes(normal(second, ""))


def _json_schema(case: GoldenCase, answer: AppAnswer, parameters: Parameters) -> Measured:
    if isinstance(answer.output, str):
        try:
            value = parse_json_text(answer.output)
        except ValueError:
            return flag(False)
    else:
        value = answer.output
    # Imported at their use, because jsonschema takes 30 ms and 3 MB, and few sets have schemas.
    from ratchet_evaluation.domain.evaluators.schema_validation import matches_schema

    return flag(matches_schema(value, parameters["schema"]))


def _check_schema(parameters: Parameters, field: str) -> None:
    from ratchet_evaluation.domain.evaluators.schema_validation import schema_fault

    schema = parameters["schema"]
    if fault := schema_fault(schema):
        raise CaseError(f"{field}.schema", f"is not a JSON Schema of draft 2020-12: {fault[:200]}")
    for pattern in _patterns(schema):
        check_pattern(pattern, f"{field}.schema")


def _patterns(schema: Json) -> Iterator[str]:
    if isinstance(schema, dict):
        pattern, properties = schema.get("pattern"), schema.get("patternProperties")
        yield from [pattern] if isinstance(pattern, str) else []
        yield from properties if isinstance(properties, dict) else []
    if isinstance(schema, dict | list):
        for each in schema.values() if isinstance(schema, dict) else schema:
            yield from _patterns(each)


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return value


def _single_line(text: str) -> str:
    if len(text.splitlines()) != 1:
        raise ValueError(text)
    return text


FORMATS: Mapping[str, Callable[[str], object]] = {
    "json": parse_json_text,
    "number": _finite,
    "integer": int,
    "date": date.fromisoformat,
    "datetime": datetime.fromisoformat,
    "uuid": UUID,
    "single_line": _single_line,
}
"""Parsers of the formats, by name; each raises ValueError for a text of another format. Dates are ISO 8601."""


def _format(case: GoldenCase, answer: AppAnswer, parameters: Parameters) -> Measured:
    try:
        FORMATS[str(parameters["format"])](answer.text.strip())
    except ValueError:
        return flag(False)
    return flag(True)


EVALUATORS = (
    EvaluatorDefinition(
        "json_schema", "higher_is_better", "share", "the output is JSON that `schema` (draft 2020-12) accepts",
        _json_schema, {"schema": {"type": ["object", "boolean"]}}, required=("schema",), check=_check_schema,
        libraries=("jsonschema", "regex"),
    ),
    EvaluatorDefinition(
        "format", "higher_is_better", "share", f"the output has the `format`: {', '.join(FORMATS)}",
        _format, {"format": {"enum": [*FORMATS]}}, required=("format",),
    ),
)  # fmt: skip
