"""Field checks of golden cases: each error names the field and what is wrong with it."""

from collections.abc import Mapping, Sequence

from ratchet.prompt import Json, PromptError
from ratchet.prompt.canonical import exact_text, normal


class CaseError(ValueError):
    """A case is invalid. `field` is its path, such as `contexts[0].id`; `reason` says what is wrong."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


def json_value(value: object, field: str) -> Json:
    """Return a copy of a JSON value with one form per value. Raises CaseError."""
    try:
        return normal(value, field)
    except PromptError as error:
        raise CaseError(error.field, error.reason) from None


def json_object(value: object, field: str) -> dict[str, Json]:
    """Return a JSON object. Raises CaseError."""
    found = json_value(value, field)
    if not isinstance(found, dict):
        raise CaseError(field, "must be an object")
    return found


def text(value: object, field: str) -> str:
    """Return a text that every store can hold. Raises CaseError."""
    try:
        return exact_text(value, field)
    except PromptError as error:
        raise CaseError(error.field, error.reason) from None


def name(value: object, field: str) -> str:
    """Return a text of 1 to 200 characters on one line. Raises CaseError."""
    found = text(value, field)
    if not 1 <= len(found) <= 200 or not found.isprintable():
        raise CaseError(field, "must be a text of 1 to 200 printable characters")
    return found


def boolean(value: object, field: str) -> bool:
    """Return a truth value. Raises CaseError."""
    if not isinstance(value, bool):
        raise CaseError(field, "must be true or false")
    return value


def sequence(value: object, field: str) -> Sequence[object]:
    """Return a list. Raises CaseError."""
    if not isinstance(value, list | tuple):
        raise CaseError(field, "must be a list")
    return value


def known_fields(value: object, known: Sequence[str], field: str = "") -> Mapping[str, object]:
    """Return an object that has no other fields than `known`. Raises CaseError."""
    if not isinstance(value, Mapping):
        raise CaseError(field or "case", "must be an object")
    for key in value:
        if key not in known:
            shown = str(key)[:64].encode("ascii", "backslashreplace").decode()
            raise CaseError(f"{field}.{shown}" if field else shown, f"is not a field; known: {', '.join(known)}")
    return value
