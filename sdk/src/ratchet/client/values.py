"""Conversion of an app's values to JSON types. Pure.

A value with one obvious meaning is converted; any other raises InvalidValue, and its field is left out.
"""

import dataclasses
import json
import math
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any

MAX_DEPTH = 24
"""Maximum nesting of a value; the server accepts bodies of 32 levels."""
_MAX_MEMBERS = 100_000
_INT64 = 2**63
_UNSENDABLE = re.compile("[\0\ud800-\udfff]")
_EPOCH_UNITS = {10: 1, 13: 1e3, 16: 1e6, 19: 1e9}
"""Number of digits of a present-day epoch time → its units per second."""

_MISSING = ("NAType", "NaTType")
"""Names of the types of pandas.NA and pandas.NaT, which mean no value."""


class InvalidValue(ValueError):
    """A value that can't be converted for its field."""


def clean(text: str) -> str:
    """Return `text` with NUL and lone surrogates, which can't be stored, replaced by U+FFFD."""
    if "\0" not in text:
        if text.isascii():
            return text
        try:
            text.encode()  # faster than to search for surrogates
        except UnicodeEncodeError:
            pass
        else:
            return text
    return _UNSENDABLE.sub("\N{REPLACEMENT CHARACTER}", text)


def plain(value: object, depth: int = 0) -> Any:
    """Return `value` as a JSON type: None, bool, int, float, str, list or dict. Raises InvalidValue."""
    if depth > MAX_DEPTH:
        raise InvalidValue("is nested too deeply")
    if type(value) is str:
        return clean(value)
    convert = _BUILT_IN.get(type(value))
    if convert is not None:  # most values; the general way has the same result
        return convert(value, depth)
    match value:
        case _ if type(value).__name__ in _MISSING:
            return None
        case Enum():  # before str and int, of which an enum may be a subclass
            return plain(value.value, depth + 1)
        case None | bool():
            return value
        case str():
            return clean(str(value))
        case int():
            return int(value) if -_INT64 <= value < _INT64 else str(value)
        case float() | Decimal():
            return _finite(float(value))
        case bytes() | bytearray():
            return _decoded(bytes(value))
        case datetime() | date() | time():
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
        case Mapping():
            return _plain_dict(value, depth)
    return _converted(value, depth)


def _plain_list(value: Collection[Any], depth: int) -> list[Any]:
    if len(value) > _MAX_MEMBERS:
        raise InvalidValue("has too many members")
    return [plain(item, depth + 1) for item in tuple(value)]


def _plain_dict(value: Mapping[Any, Any], depth: int) -> dict[str, Any]:
    return {
        clean(key) if type(key) is str else clean(str(key)): plain(item, depth + 1) for key, item in _members(value)
    }


_BUILT_IN: Mapping[type, Callable[[Any, int], Any]] = {
    bool: lambda value, _: value,
    type(None): lambda value, _: value,
    int: lambda value, _: value if -_INT64 <= value < _INT64 else str(value),
    float: lambda value, _: _finite(value),
    dict: _plain_dict,
    list: _plain_list,
    tuple: _plain_list,
}
"""Conversions of values of exactly these types."""


def _members(value: Mapping[Any, Any]) -> list[tuple[Any, Any]]:
    members = list(value.items())
    if len(members) > _MAX_MEMBERS:
        raise InvalidValue("has too many members")
    return members


def _converted(value: object, depth: int) -> Any:
    """Return other types converted: containers, array scalars, data classes, models, ids."""
    if isinstance(value, type):
        raise InvalidValue("is a class")
    for name in ("tolist", "model_dump", "to_dict", "_asdict", "dict"):  # numpy, torch; pydantic; others
        convert = getattr(value, name, None)
        if callable(convert):
            return plain(convert(), depth + 1)
    if dataclasses.is_dataclass(value):
        return plain({field.name: getattr(value, field.name) for field in dataclasses.fields(value)}, depth + 1)
    if isinstance(value, Iterable) and not hasattr(value, "read"):
        return [plain(item, depth + 1) for item in _bounded(value)]
    return _spelled(value)


def _bounded(values: Iterable[Any]) -> Iterable[Any]:
    for index, value in enumerate(values):
        if index >= _MAX_MEMBERS:
            raise InvalidValue("has too many members")
        yield value


def _spelled(value: object) -> str:
    """Return the text of a UUID, a path or an object id: of any type that defines `__str__`."""
    if type(value).__str__ is object.__str__ or isinstance(value, BaseException):
        raise InvalidValue(f"{type(value).__name__} is not JSON serializable")
    return clean(str(value))


def identifier(value: object) -> str | None:
    """Return an id, a user or a name as text; None where it is empty. Raises InvalidValue."""
    if type(value) is str:  # most values; the general way has the same result
        return clean(value) or None
    found = plain(value)
    if isinstance(found, float) and found.is_integer():
        found = int(found)  # an integer column with missing values
    if isinstance(found, bool | float | list | dict):
        raise InvalidValue("must be a string, an integer or a UUID")
    return None if found is None or found == "" else str(found)


def number(value: object) -> float | None:
    """Return a finite number, also from a string; None for None. Raises InvalidValue."""
    if type(value) is float:
        return _finite(value)
    found = plain(value)
    if isinstance(found, str):
        found = _read_number(found)
    if isinstance(found, list | dict):
        raise InvalidValue("must be a number")
    return float(found) if isinstance(found, bool) else found


def text(value: object) -> str | None:
    """Return a string as it is, any other value as JSON. Raises InvalidValue."""
    found = plain(value)
    return found if found is None or isinstance(found, str) else dumps(found)


def scalar(value: object) -> Any:
    """Return a string, number or boolean as it is, a nested value as JSON. Raises InvalidValue."""
    if type(value) is str:
        return clean(value)
    found = plain(value)
    return dumps(found) if isinstance(found, list | dict) else found


def moment(value: object) -> datetime:
    """Return a time with its zone.

    Without a zone it is local time, as in Python; a number is an epoch time in seconds, milli-, micro- or
    nanoseconds. Raises InvalidValue.
    """
    if isinstance(value, datetime):
        return value.astimezone() if value.tzinfo is None else value
    found = plain(value)
    try:
        if isinstance(found, str):
            return moment(datetime.fromisoformat(found))
        if isinstance(found, int | float) and not isinstance(found, bool):
            return datetime.fromtimestamp(found / _EPOCH_UNITS[len(str(int(found)))], UTC)
    except (ValueError, KeyError, OverflowError, OSError):
        pass
    raise InvalidValue("must be a datetime with a time zone")


def dumps(value: object) -> str:
    """Return compact JSON of a plain value."""
    return json.dumps(value, allow_nan=False, ensure_ascii=False, separators=(",", ":"))


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise InvalidValue("must be finite")
    return value


def _decoded(value: bytes) -> str:
    try:
        return clean(value.decode())
    except UnicodeDecodeError:
        raise InvalidValue("is not UTF-8") from None


def _read_number(text: str) -> float:
    try:
        return _finite(float(text))
    except ValueError:
        raise InvalidValue("must be a number") from None
