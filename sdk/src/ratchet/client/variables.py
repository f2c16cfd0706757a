"""Conversion of an app's values to the types of a prompt's variables. Pure; raises nothing."""

import contextlib
import math
from collections.abc import Mapping
from decimal import Decimal

from ratchet.client.values import InvalidValue, clean, plain
from ratchet.prompt import Prompt, VariableType
from ratchet.prompt.canonical import canonical_bytes, normal


def convert_variables(prompt: Prompt, given: Mapping[str, object]) -> dict[str, object]:
    """Return `given` with the values of declared variables converted where there is one obvious way.

    A string variable accepts everything: None as the empty string, booleans, numbers, lists and objects as JSON, other
    values by `str`. A number accepts a numeric text, a boolean the words true and false.
    """
    return {
        name: _fitted(value, prompt.variables[name].type) if name in prompt.variables else value
        for name, value in given.items()
    }


def _fitted(value: object, kind: VariableType) -> object:
    if value is None:
        return "" if kind == "string" else None
    if kind == "string":
        return _text(value)
    with contextlib.suppress(InvalidValue):
        value = plain(value)
    if isinstance(value, str):
        return _number(value) if kind == "number" else _boolean(value) if kind == "boolean" else value
    return value


def _text(value: object) -> str:
    if isinstance(value, Decimal):  # 1.10 stays 1.10
        return str(value)
    try:
        found = plain(value)
        return found if isinstance(found, str) else canonical_bytes(normal(found, "value")).decode()
    except Exception:  # an object of the app
        return clean(_str(value))


def _str(value: object) -> str:
    try:
        return str(value)
    except Exception:  # an object of the app
        return ""


def _number(text: str) -> object:
    with contextlib.suppress(ValueError):
        return int(text)
    with contextlib.suppress(ValueError):
        number = float(text)
        return number if math.isfinite(number) else text
    return text


def _boolean(text: str) -> object:
    return {"true": True, "false": False}.get(text.strip().lower(), text)
