"""Validation of untrusted JSON objects; each error is a PromptError that names the field."""

from collections.abc import Collection, Iterator, Mapping
from typing import TypeVar

from ratchet.prompt.errors import PromptError, at
from ratchet.prompt.placeholders import NAME

T = TypeVar("T", bound=str)


def members(
    value: object, field: str, *, required: Collection[str] = (), optional: Collection[str] = ()
) -> Mapping[str, object]:
    """Return an object that has all `required` keys and no others than these and `optional` ones."""
    if type(value) is not dict and not isinstance(value, Mapping):  # first the usual type: half the time
        raise PromptError(field or "document", "must be an object")
    for key in required:
        if key not in value:
            raise PromptError(at(field, key), "is missing")
    for key in value:
        if key not in required and key not in optional:
            raise PromptError(at(field, str(key)), "is not a known field")
    return value


def named(value: object, field: str) -> Iterator[tuple[str, object]]:
    """Yield the entries of an object whose keys are names; none for None."""
    if value is None:
        return
    if not isinstance(value, Mapping):
        raise PromptError(field, "must be an object")
    for key, entry in value.items():
        yield name(key, at(field, str(key))), entry


def name(value: object, field: str) -> str:
    """Return the name of a variable or slot: a letter or `_`, then up to 63 ASCII letters, digits or `_`."""
    if not isinstance(value, str) or not NAME.fullmatch(value):
        raise PromptError(field, "must be a name: ASCII letters, digits and _, at most 64")
    return value


def one_of(value: object, allowed: tuple[T, ...], field: str) -> T:
    """Return a value that is one of `allowed`."""
    if not isinstance(value, str) or value not in allowed:
        raise PromptError(field, "must be one of: " + ", ".join(allowed))
    return next(word for word in allowed if word == value)
