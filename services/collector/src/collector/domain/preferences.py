"""Preferences: which of two outputs a person chose, and which they rejected. Pure."""

from collections.abc import Callable
from typing import Any

from pydantic import TypeAdapter, ValidationError

from collector.domain.feedback_schema import TEXT_LIMIT
from collector.domain.schemas import Id, input_or_output
from shared.problems import invalid

ComparedOutput = dict[str, str]
"""`shared.events.feedback.ComparedOutput`: either `text` or `execution_id`."""
Preference = dict[str, ComparedOutput]
"""`shared.events.feedback.Preference`."""

_SIDES = ("chosen", "rejected")
_ID: TypeAdapter[str] = TypeAdapter(Id)


def read_preference(value: object, execution_id: str | None) -> Preference:
    """Return both outputs; one that is left out is that of the execution that the feedback is about.

    Raises Problem 422 for the field `value`.
    """
    if not isinstance(value, dict) or not value or not value.keys() <= set(_SIDES):
        raise invalid("value", "must be an object with chosen, rejected or both for a preference")
    found = {side: _output(side, value.get(side), execution_id) for side in _SIDES}
    if found["chosen"] == found["rejected"]:
        raise invalid("value", "must name two different outputs")
    if sum(len(output.get("text", "")) for output in found.values()) > TEXT_LIMIT:
        raise invalid("value", f"chosen and rejected must have at most {TEXT_LIMIT} characters together")
    return found


def preferred(preference: Preference, execution_id: str | None) -> float | None:
    """Return 1 if the output of the execution was chosen, 0 if it was rejected; None if it was not compared."""
    for side, value in (("chosen", 1.0), ("rejected", 0.0)):
        if execution_id is not None and preference[side].get("execution_id") == execution_id:
            return value
    return None


def map_texts(preference: Preference, convert: Callable[[str], str]) -> Preference:
    """Return a preference with converted texts."""
    return {
        side: {name: convert(text) if name == "text" else text for name, text in output.items()}
        for side, output in preference.items()
    }


def _output(side: str, given: object, execution_id: str | None) -> ComparedOutput:
    if given is None:
        if execution_id is None:
            raise invalid(f"value.{side}", "is missing: only feedback about an execution may leave one out")
        return {"execution_id": execution_id}
    if isinstance(given, dict) and given.keys() == {"execution_id"}:
        return {"execution_id": _execution_id(side, given["execution_id"])}
    if isinstance(given, dict) and given.keys() == {"text"}:  # as the API returns it
        given = given["text"]
    try:
        text = input_or_output(given)
    except ValueError:
        text = None
    if not isinstance(text, str) or not text.strip() or not given:
        raise invalid(f"value.{side}", 'must be a non-empty string, messages, {"text": "…"} or {"execution_id": "…"}')
    return {"text": text}


def _execution_id(side: str, given: Any) -> str:
    try:
        return _ID.validate_python(given, strict=True)
    except ValidationError:
        raise invalid(f"value.{side}.execution_id", "must be an id of 1 to 128 characters of one line") from None
