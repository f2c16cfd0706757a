"""Strict JSON parsing: reject unsound documents, naming the field, before anything else reads them."""

import json
import math
import re
from collections.abc import Callable
from typing import Any

from msgspec.json import encode
from pydantic_core import from_json

from shared.problems import invalid

MAX_DEPTH = 32
_INT64 = 2**63


def strict_json(body: bytes) -> Any:
    """Parse JSON according to RFC 8259 and I-JSON (RFC 7493), without values that PostgreSQL or Kafka cannot store.

    Rejects NaN and infinities (also by overflow), duplicate names, NUL, lone surrogates, integers beyond 64 bits and
    more than 32 levels of nesting. Raises Problem 400 or 422 that names the field.
    """
    found = _plain(body)
    return found if found is not _UNSURE else _exact(body)


def _exact(body: bytes) -> Any:
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise invalid("body", f"not UTF-8 at byte {error.start}", 400) from None
    try:
        return _checked(_SLOW.decode(text), "", 0)
    except RecursionError:
        raise invalid("body", f"nested deeper than {MAX_DEPTH} levels") from None
    except json.JSONDecodeError as error:
        raise invalid("body", f"not JSON: {error.msg} at character {error.pos}", 400) from None


_UNSURE = object()


def _plain(body: bytes) -> Any:
    """Parse an ordinary body quickly; return `_UNSURE` if it needs the slow, exact parser.

    Only an escape can encode a NUL or a surrogate. Duplicate names show in the number of colons: the body has more of
    them than that of the parsed value, which keeps only the last of two equal names.
    """
    if b"\\" in body and b"\\u" in body:
        return _UNSURE
    try:
        value = from_json(body, allow_inf_nan=False)
    except ValueError:
        return _UNSURE
    return value if _is_sound(value, 0) and encode(value).count(b":") == body.count(b":") else _UNSURE


def _is_sound(value: Any, depth: int) -> bool:
    """Whether all numbers of a value, and its depth, are within the limits."""
    kind = type(value)
    if kind is not dict and kind is not list:
        return _is_sound_number(value)
    if depth >= MAX_DEPTH:
        return False
    for item in value.values() if kind is dict else value:
        kind = type(item)
        if kind is str or kind is bool or item is None:
            continue
        if not (_is_sound(item, depth + 1) if kind is dict or kind is list else _is_sound_number(item)):
            return False
    return True


def _is_sound_number(value: Any) -> bool:
    """Whether a value without members is not a number, or one within the limits."""
    kind = type(value)
    return math.isfinite(value) if kind is float else kind is not int or -_INT64 <= value < _INT64


class _Forbidden(Exception):
    """A value that I-JSON forbids; the slow parser reports it with its path."""


class _Pairs(list[tuple[str, Any]]):
    """The members of an object in their order, with duplicates."""


def _float(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise _Forbidden("the number is too large")
    return value


def _int(digits: str) -> int:
    if len(digits) > 20 or not -_INT64 <= (value := int(digits)) < _INT64:
        raise _Forbidden("the integer is beyond 64 bits")
    return value


def _constant(name: str) -> float:
    raise _Forbidden(f"{name} is not a JSON number")


def _error_as_value(read: Callable[[str], Any]) -> Callable[[str], Any]:
    """Return `read` as a function that returns its error instead of raising it."""

    def reader(text: str) -> Any:
        try:
            return read(text)
        except _Forbidden as error:
            return error

    return reader


_SLOW = json.JSONDecoder(
    object_pairs_hook=_Pairs,
    parse_float=_error_as_value(_float),
    parse_int=_error_as_value(_int),
    parse_constant=_error_as_value(_constant),
)
_SURROGATE = re.compile("[\ud800-\udfff]")


def _checked(value: Any, path: str, depth: int) -> Any:
    """Return the value that `_SLOW` parsed, with dicts as objects. Raises Problem with the path of an error."""
    if depth > MAX_DEPTH:
        raise invalid(path or "body", f"nested deeper than {MAX_DEPTH} levels")
    if isinstance(value, _Forbidden):
        raise invalid(path or "body", str(value))
    if isinstance(value, str):
        _check_text(value, path)
    elif isinstance(value, _Pairs):
        return _members(value, path, depth)
    elif isinstance(value, list):
        return [_checked(item, f"{path}[{index}]", depth + 1) for index, item in enumerate(value)]
    return value


def _members(pairs: _Pairs, path: str, depth: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, item in pairs:
        inner = f"{path}.{name}" if path else name
        _check_text(name, inner)
        if name in found:
            raise invalid(inner, "is a duplicate key of its object")
        found[name] = _checked(item, inner, depth + 1)
    return found


def _check_text(text: str, path: str) -> None:
    if "\0" in text:
        raise invalid(path or "body", "contains a NUL character")
    if _SURROGATE.search(text):
        raise invalid(path or "body", "contains a lone surrogate")
