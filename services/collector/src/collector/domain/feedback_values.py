"""What a feedback's value means, kind by kind."""

import math
from typing import NamedTuple

from collector.domain.schemas import TEXT_LIMIT
from shared.events.feedback import FeedbackKind
from shared.problems import invalid

_THUMBS = {"up": 1.0, "down": 0.0}
_LABEL_LIMIT = 200
_NUMBER_LIMIT = 1e12  # sums of squares of such numbers still fit


class Value(NamedTuple):
    """Exactly one is set: the number of a thumb, rating or score; a label's word; a text."""

    number: float | None = None
    label: str | None = None
    text: str | None = None


def read_value(kind: FeedbackKind, value: object) -> Value:
    """The meaning of `value`. Raises Problem 422 on the field `value`."""
    if kind == "thumb":
        return Value(number=_thumb(value))
    if kind in ("rating", "score"):
        number = _number(value)
        if kind == "rating" and not 1 <= number <= 5:
            raise invalid("value", "a rating lies between 1 and 5")
        return Value(number=number)
    if not isinstance(value, str) or not value.strip():
        raise invalid("value", f"a {kind} is a string that is not empty")
    if kind == "label":
        return Value(label=_limited(value, _LABEL_LIMIT))
    return Value(text=_limited(value, TEXT_LIMIT))


def _thumb(value: object) -> float:
    if isinstance(value, bool):
        return float(value)
    if isinstance(value, str) and value in _THUMBS:
        return _THUMBS[value]
    raise invalid("value", 'a thumb is true, false, "up" or "down"')


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise invalid("value", "must be a finite number")
    if abs(value) > _NUMBER_LIMIT:
        raise invalid("value", f"beyond {_NUMBER_LIMIT:g}")
    return float(value)


def _limited(text: str, limit: int) -> str:
    if len(text) > limit:
        raise invalid("value", f"longer than {limit} characters")
    return text
