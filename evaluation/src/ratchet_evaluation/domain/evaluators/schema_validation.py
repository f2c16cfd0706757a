"""JSON Schema of draft 2020-12, with patterns in bounded time and without references to other documents."""

from collections.abc import Iterator, Mapping
from typing import Any

from jsonschema import Draft202012Validator, SchemaError, ValidationError, validators
from jsonschema.exceptions import best_match
from referencing import Registry
from referencing.exceptions import Unresolvable

from ratchet.prompt import Json
from ratchet_evaluation.domain.evaluators.bounded_regex import matches
from ratchet_evaluation.domain.evaluators.definition import UnknownScore


def _pattern(validator: Any, pattern: str, instance: object, schema: object) -> Iterator[ValidationError]:
    if isinstance(instance, str) and not matches(pattern, instance):
        yield ValidationError("does not match the pattern")


def _pattern_properties(
    validator: Any, patterns: Mapping[str, Any], instance: object, schema: object
) -> Iterator[ValidationError]:
    if isinstance(instance, Mapping):
        for pattern, below in patterns.items():
            for key, value in instance.items():
                if matches(pattern, str(key)):
                    yield from validator.descend(value, below, path=key, schema_path=pattern)


_Validator: Any = validators.extend(  # type: ignore[no-untyped-call]
    Draft202012Validator, {"pattern": _pattern, "patternProperties": _pattern_properties}
)


def matches_schema(value: Json, schema: Json) -> bool:
    """Return whether a value is valid. Raises UnknownScore if the schema refers to another document."""
    try:
        # An empty registry fetches nothing.
        return best_match(_Validator(schema, registry=Registry()).iter_errors(value)) is None
    except Unresolvable as error:
        raise UnknownScore(f"the schema refers to {error.ref}, which is not part of it") from None


def schema_fault(schema: Json) -> str | None:
    """Return what is wrong with a schema; None if it is one."""
    try:
        _Validator.check_schema(schema)
    except SchemaError as error:
        return error.message
    return None


def parameter_fault(schema: Mapping[str, object], parameters: Mapping[str, Json]) -> tuple[str, str] | None:
    """Return the path and the message of what is most wrong with parameters; None if nothing is."""
    error = best_match(Draft202012Validator(schema).iter_errors({**parameters}))
    if error is None:
        return None
    path = "".join(f"[{each}]" if isinstance(each, int) else f".{each}" for each in error.absolute_path)
    return path, error.message
