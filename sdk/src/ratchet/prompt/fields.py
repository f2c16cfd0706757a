"""Reading an untrusted JSON object field by field; each refusal is a PromptError that names the field."""

from collections.abc import Collection, Iterator, Mapping
from typing import TypeVar

from ratchet.prompt.errors import PromptError, at
from ratchet.prompt.placeholders import NAME

T = TypeVar("T", bound=str)


def members(
    value: object, field: str, *, required: Collection[str] = (), optional: Collection[str] = ()
) -> Mapping[str, object]:
    """An object that has all `required` and no other than these and the `optional` keys."""
    if not isinstance(value, Mapping):
        raise PromptError(field or "document", "must be an object")
    for key in required:
        if key not in value:
            raise PromptError(at(field, key), "is missing")
    for key in value:
        if key not in required and key not in optional:
            raise PromptError(at(field, str(key)), "is not a known field")
    return value


def named(value: object, field: str) -> Iterator[tuple[str, object]]:
    """The entries of an object whose keys are names. None stands for no entry."""
    if value is None:
        return
    if not isinstance(value, Mapping):
        raise PromptError(field, "must be an object")
    for key, entry in value.items():
        yield name(key, at(field, str(key))), entry


def name(value: object, field: str) -> str:
    """A name of a variable or slot: a letter or `_`, then up to 63 letters, digits or `_`, all ASCII."""
    if not isinstance(value, str) or not NAME.fullmatch(value):
        raise PromptError(field, "must be a name: ASCII letters, digits and _, at most 64")
    return value


def one_of(value: object, allowed: tuple[T, ...], field: str) -> T:
    """One of a few words."""
    if not isinstance(value, str) or value not in allowed:
        raise PromptError(field, "must be one of: " + ", ".join(allowed))
    return next(word for word in allowed if word == value)
