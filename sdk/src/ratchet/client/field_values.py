"""Conversion of the values of single fields to the server's JSON types, and copies of those to convert later. Pure.

The functions raise InvalidValue, or whatever a value's own code raises.
"""

import marshal
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Literal

from ratchet.client.values import InvalidValue, moment, number, plain, text

Outcome = Literal["ok", "error", "refused", "timeout"]
Confidentiality = Literal["public", "internal", "confidential", "restricted"]
_PURPOSES = frozenset({"quality", "learning"})
_THUMBS = {1.0: True, 0.0: False, -1.0: False}
NEXT_STEPS = ("requery", "regenerate", "abandon", "continue")
ACTIONS = frozenset({"click", "copy", *NEXT_STEPS})
"""Kinds that may have no value: it happened."""
_LONGEST_COMMENT = 20_000


def amount(value: object) -> float:
    """Return a number of at least 0."""
    found = None if isinstance(value, bool) else number(value)
    if found is None or found < 0:
        raise InvalidValue("must be a number of at least 0")
    return found


def latency(value: object) -> float:
    """Return milliseconds, given as a number or a time span."""
    return amount(value / timedelta(milliseconds=1) if isinstance(value, timedelta) else value)


def format_occurred_at(value: object) -> str:
    """Return a time in ISO 8601 with its offset."""
    return moment(value).isoformat()


def convert_text(value: object) -> Any:
    """Return an input or output: a text, or messages or an object that the server converts to text."""
    found = plain(value)
    return found if isinstance(found, str | list | dict) else text(found)


def as_mapping(value: Any) -> Mapping[Any, Any]:
    """Return a mapping, or the fields of an object."""
    if type(value) is dict:
        return value.copy()  # at once, so that another thread may change it
    if isinstance(value, Mapping):
        return dict(value.items())
    found = plain(value) if hasattr(value, "model_dump") or not hasattr(value, "__dict__") else vars(value)
    if not isinstance(found, Mapping):
        raise InvalidValue("must be an object")
    return found


def consent(value: object) -> dict[str, bool | None]:
    """Return the consent of each purpose."""
    found = {str(name): plain(item) for name, item in as_mapping(value).items()}
    if not found.keys() <= _PURPOSES or not all(item is None or isinstance(item, bool) for item in found.values()):
        raise InvalidValue("must have only quality and learning, each true, false or null")
    return found


def feedback_value(kind: object, value: object) -> Any:
    """Return the value of feedback as its kind requires. Raises InvalidValue."""
    if kind == "thumb" and type(value) is bool:
        return value
    found = plain(value)
    if kind == "thumb" and isinstance(found, int | float):
        return _THUMBS.get(float(found), found)
    if kind in ("rating", "score"):
        return number(found)
    if kind == "dwell":
        return number(value / timedelta(milliseconds=1) if isinstance(value, timedelta) else found)
    if kind in ("label", "comment", "correction"):
        return text(found)
    return found


def comment(value: object) -> str | None:
    """Return a comment; None where nothing was written. Raises InvalidValue for one that the server would refuse."""
    found = text(value)
    if found is None or not found.strip():
        return None
    if len(found) > _LONGEST_COMMENT:
        raise InvalidValue(f"must have at most {_LONGEST_COMMENT} characters")
    return found


_SCALARS = frozenset({str, int, float, bool, type(None)})
_MAX_DEPTH = 40
_MAX_COPY = 1_000_000
"""Bytes above which a value is converted at once: the conversion bounds what it reads."""


def copy_of_built_ins(values: tuple[Any, ...]) -> bytes | None:
    """Return `values` by `marshal`, to be converted later; None where a value is of another type, or the copy large.

    The copy is independent of the values, and has each as often as it occurs, so that its size bounds what it becomes.
    """
    try:
        if not _is_built_in(values, _MAX_DEPTH):
            return None
        copied = marshal.dumps(values, 2)  # version 3 and later write a repeated object once
    except (ValueError, RuntimeError):  # changed by another thread meanwhile
        return None
    return copied if len(copied) <= _MAX_COPY else None


def _is_built_in(value: object, depth: int) -> bool:
    """Tell whether a value consists of exactly the JSON types of Python: `marshal` also writes arrays, as bytes."""
    kind = type(value)
    if kind is dict:
        for key, item in value.items():  # type: ignore[attr-defined]
            if type(key) is not str or (type(item) not in _SCALARS and not (depth and _is_built_in(item, depth - 1))):
                return False
        return True
    if kind is list or kind is tuple:
        for item in value:  # type: ignore[attr-defined]  # noqa: SIM110  (`all` takes twice as long)
            if type(item) not in _SCALARS and not (depth and _is_built_in(item, depth - 1)):
                return False
        return True
    return kind in _SCALARS
