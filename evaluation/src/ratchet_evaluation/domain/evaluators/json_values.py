"""Evaluators of outputs that are data: JSON Schema and formats.

jsonschema is imported at its use: it takes 30 ms and 3 MB, and few processes check schemas.
"""

import json
import math
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from functools import cache
from typing import Any, NoReturn
from uuid import UUID

from ratchet.prompt import Json
from ratchet.prompt.canonical import canonical_bytes, normal
from ratchet.prompt.errors import PromptError
from ratchet_evaluation.domain.answers import AppAnswer
from ratchet_evaluation.domain.case_fields import CaseError
from ratchet_evaluation.domain.cases import GoldenCase
from ratchet_evaluation.domain.evaluators.bounded_regex import check_pattern, matches
from ratchet_evaluation.domain.evaluators.definition import (
    EvaluatorDefinition,
    Measured,
    Parameters,
    UnknownScore,
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


def _pattern(validator: Any, pattern: str, instance: object, schema: object) -> Iterator[Exception]:
    from jsonschema import ValidationError

    if isinstance(instance, str) and not matches(pattern, instance):
        yield ValidationError("does not match the pattern")


def _pattern_properties(
    validator: Any, patterns: Mapping[str, Any], instance: object, schema: object
) -> Iterator[Exception]:
    if isinstance(instance, Mapping):
        for pattern, below in patterns.items():
            for key, value in instance.items():
                if matches(pattern, str(key)):
                    yield from validator.descend(value, below, path=key, schema_path=pattern)


@cache
def _validator_class() -> Any:
    from jsonschema import Draft202012Validator, validators

    keywords = {"pattern": _pattern, "patternProperties": _pattern_properties}
    return validators.extend(Draft202012Validator, keywords)  # type: ignore[no-untyped-call]


def _json_schema(case: GoldenCase, answer: AppAnswer, parameters: Parameters) -> Measured:
    from jsonschema.exceptions import best_match
    from referencing.exceptions import Unresolvable

    if isinstance(answer.output, str):
        try:
            value = parse_json_text(answer.output)
        except ValueError:
            return flag(False)
    else:
        value = answer.output
    try:
        return flag(best_match(_validator(parameters["schema"]).iter_errors(value)) is None)
    except Unresolvable as error:
        raise UnknownScore(f"the schema refers to {error.ref}, which is not part of it") from None


def _validator(schema: Json) -> Any:
    from referencing import Registry

    return _validator_class()(schema, registry=Registry())  # an empty registry fetches nothing


def _check_schema(parameters: Parameters, field: str) -> None:
    from jsonschema import SchemaError

    schema = parameters["schema"]
    try:
        _validator_class().check_schema(schema)
    except SchemaError as error:
        raise CaseError(f"{field}.schema", f"is not a JSON Schema of draft 2020-12: {error.message[:200]}") from None
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
