"""Values of feedback by kind. Pure."""

import math
from typing import NamedTuple

from collector.domain.schemas import TEXT_LIMIT
from shared.events.feedback import FeedbackKind
from shared.problems import invalid

_THUMBS = {"up": 1.0, "down": 0.0}
_LABEL_LIMIT = 200
_NUMBER_LIMIT = 1e12  # sums of squares of such numbers are finite


class Value(NamedTuple):
    """A parsed value: the number of a thumb, rating or score, or a label, each perhaps with a comment; or a text."""

    number: float | None = None
    label: str | None = None
    text: str | None = None


def read_value(kind: FeedbackKind, value: object, comment: str | None = None) -> Value:
    """Return the parsed value with its comment. Raises Problem 422 for the field `value` or `comment`."""
    found = _read(kind, value)
    if comment is None:
        return found
    if found.text is not None:
        raise invalid("comment", f"cannot be combined with the kind {kind}, whose text is its value")
    if not comment.strip():
        raise invalid("comment", "must be a non-empty string")
    return found._replace(text=_limited(comment, TEXT_LIMIT, "comment"))


def _read(kind: FeedbackKind, value: object) -> Value:
    if kind == "thumb":
        return Value(number=_thumb(value))
    if kind in ("rating", "score"):
        number = _number(value)
        if kind == "rating" and not 1 <= number <= 5:
            raise invalid("value", "must be between 1 and 5 for a rating")
        return Value(number=number)
    if not isinstance(value, str) or not value.strip():
        raise invalid("value", f"must be a non-empty string for a {kind}")
    if kind == "label":
        return Value(label=_limited(value, _LABEL_LIMIT))
    return Value(text=_limited(value, TEXT_LIMIT))


def _thumb(value: object) -> float:
    if isinstance(value, bool):
        return float(value)
    if isinstance(value, str) and value in _THUMBS:
        return _THUMBS[value]
    raise invalid("value", 'must be true, false, "up" or "down" for a thumb')


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise invalid("value", "must be a finite number")
    if abs(value) > _NUMBER_LIMIT:
        raise invalid("value", f"must be between -{_NUMBER_LIMIT:g} and {_NUMBER_LIMIT:g}")
    return float(value)


def _limited(text: str, limit: int, field: str = "value") -> str:
    if len(text) > limit:
        raise invalid(field, f"must have at most {limit} characters")
    return text
