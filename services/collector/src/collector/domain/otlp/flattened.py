"""Values of attributes: lists of objects that are flattened into names, and JSON in strings. Pure."""

import math
from collections.abc import Mapping
from typing import Any, TypeGuard

from pydantic_core import from_json

from collector.domain.otlp.span import MAX_VALUE_DEPTH, Attributes

_MAX_DIGITS = 6
_MAX_NAME = 128
_MAX_JSON = 768_000
"""Characters of JSON that is parsed: longer texts do not fit into an execution."""


def indexed(attributes: Attributes, name: str) -> list[dict[str, Any]]:
    """Return the objects of the list `name`, whose attributes are `name.<index>.<member>`, in order of their indices.

    The members keep the rest of their names: `{"message.role": "user"}`.
    """
    prefix = f"{name}."
    found: dict[int, dict[str, Any]] = {}
    for key, value in attributes.items():
        if key.startswith(prefix):
            index, dot, member = key[len(prefix) :].partition(".")
            if dot and member and index.isascii() and index.isdigit() and len(index) <= _MAX_DIGITS:
                found.setdefault(int(index), {})[member] = value
    return [found[index] for index in sorted(found)]


def parsed(value: Any) -> Any:
    """Return the JSON object or array in a string; any other value, also a string that is too long, unchanged."""
    if not isinstance(value, str) or len(value) > _MAX_JSON or value.lstrip()[:1] not in ("[", "{"):
        return value
    try:
        found = from_json(_without_nul(value), allow_inf_nan=False)
    except ValueError:
        return value
    return found if is_shallow(found) else value


def _without_nul(text: str) -> str:
    """Return JSON text in which escaped NULs, which PostgreSQL can't store, are replacement characters."""
    return text.replace("\\u0000", "\\ufffd") if "\\u0000" in text else text


def is_shallow(value: Any, depth: int = MAX_VALUE_DEPTH) -> bool:
    """Return whether a value is nested at most `depth` levels."""
    if isinstance(value, Mapping):
        value = value.values()
    elif not isinstance(value, list):
        return True
    return depth > 0 and all(is_shallow(inner, depth - 1) for inner in value)


def is_number(value: Any) -> TypeGuard[int | float]:
    """Return whether a value is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def is_name(value: Any) -> bool:
    """Return whether a value can be a name: one line of at most 128 characters."""
    return isinstance(value, str) and 0 < len(value) <= _MAX_NAME and not any(map(_is_control, value))


def _is_control(character: str) -> bool:
    return character < " " or character == "\x7f"


def first(attributes: Attributes, names: tuple[str, ...]) -> Any:
    """Return the value of the first of `names` that has one; None if none has."""
    for name in names:
        value = attributes.get(name)
        if value is not None and value != "":
            return value
    return None
