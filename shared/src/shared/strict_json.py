"""The strict reading of JSON: what is not sound is refused by its place, before anything is done with it."""

import json
import math
import re
from collections.abc import Callable
from typing import Any

from pydantic_core import from_json

from shared.problems import invalid

MAX_DEPTH = 32
_INT64 = 2**63


def strict_json(body: bytes) -> Any:
    """Reads JSON as RFC 8259 and I-JSON (RFC 7493) mean it, and nothing that PostgreSQL or Kafka can't carry.

    Refuses NaN and infinities (also by overflow), duplicate names, NUL, lone surrogates, integers beyond 64
    bits and nesting past 32 levels. Raises `Problem` 400 or 422 that names the field.
    """
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise invalid("body", f"not UTF-8 at byte {error.start}", 400) from None
    try:
        return _checked(_SLOW.decode(text), "", 0) if (found := _plain(body, text)) is _ODD else found
    except RecursionError:
        raise invalid("body", f"nested deeper than {MAX_DEPTH} levels") from None
    except json.JSONDecodeError as error:
        raise invalid("body", f"not JSON: {error.msg} at character {error.pos}", 400) from None


_ODD = object()


def _plain(body: bytes, text: str) -> Any:
    """What nearly all bodies hold, read quickly; `_ODD` where it takes a closer look.

    Only an escape can hold a NUL or a surrogate. A duplicate name shows in the colons: each name has one, so
    there are more in the text than the value, which holds the last of both, needs.
    """
    if b"\\" in body and b"\\u" in body:
        return _ODD
    try:
        value = from_json(body, allow_inf_nan=False)
    except ValueError:
        return _ODD
    return value if _colons(value, 0) == text.count(":") else _ODD


_NEVER = -(10**12)  # no count of colons, whatever is added to it


def _colons(value: Any, depth: int) -> int:
    """The colons in the JSON text of `value`; less than none where it is past what strict JSON holds."""
    kind, total = type(value), 0 if depth < MAX_DEPTH else _NEVER
    if kind is dict:
        total += len(value) + "".join(value).count(":")
        value = value.values()
    elif kind is not list:
        return _colons_of(value)
    for item in value:
        kind = type(item)
        if kind is str:
            total += item.count(":")
        elif kind is dict or kind is list:
            total += _colons(item, depth + 1)
        elif kind is not bool:
            total += _colons_of(item)
    return total


def _colons_of(value: str | float | None) -> int:
    if isinstance(value, str):
        return value.count(":")
    if isinstance(value, float):
        return 0 if math.isfinite(value) else _NEVER
    return 0 if value is None or -_INT64 <= value < _INT64 else _NEVER


class _Odd(Exception):
    """Something that is no I-JSON; what it is, and where, the second and slower reading says."""


class _Pairs(list[tuple[str, Any]]):
    """An object as it was written."""


def _float(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise _Odd("the number is too large")
    return value


def _int(digits: str) -> int:
    if len(digits) > 20 or not -_INT64 <= (value := int(digits)) < _INT64:
        raise _Odd("the integer is beyond 64 bits")
    return value


def _constant(name: str) -> float:
    raise _Odd(f"{name} is not a JSON number")


def _kept(read: Callable[[str], Any]) -> Callable[[str], Any]:
    """`read`, which hands out its error instead of raising it."""

    def reader(text: str) -> Any:
        try:
            return read(text)
        except _Odd as odd:
            return odd

    return reader


_SLOW = json.JSONDecoder(
    object_pairs_hook=_Pairs, parse_float=_kept(_float), parse_int=_kept(_int), parse_constant=_kept(_constant)
)
_SURROGATE = re.compile("[\ud800-\udfff]")


def _checked(value: Any, path: str, depth: int) -> Any:
    """The value, read by `_SLOW`, as `_FAST` would have read it. Raises Problem with the path to what is odd."""
    if depth > MAX_DEPTH:
        raise invalid(path or "body", f"nested deeper than {MAX_DEPTH} levels")
    if isinstance(value, _Odd):
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
        raise invalid(path or "body", "holds a NUL character")
    if _SURROGATE.search(text):
        raise invalid(path or "body", "holds a lone surrogate")
