"""Conversion of the values of single fields to the server's JSON types. Pure.

The functions raise InvalidValue, or whatever a value's own code raises.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Literal

from ratchet.client.values import InvalidValue, moment, number, plain, text

Outcome = Literal["ok", "error", "refused", "timeout"]
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


def occurred_at(value: object) -> str:
    """Return a time in ISO 8601 with its offset."""
    return moment(value).isoformat()


def written(value: object) -> Any:
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
