"""Arguments and results of observed functions, as values that can be recorded. Raises nothing."""

import dataclasses
import inspect
import marshal
from collections.abc import Callable, Mapping
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from itertools import islice
from pathlib import PurePath
from typing import Any
from uuid import UUID

from ratchet.client.field_values import copy_of_built_ins

_SCALARS = frozenset({str, int, float, bool, type(None)})
_CONTAINERS = (dict, list, tuple, set, frozenset)
_VALUES = (date, time, timedelta, Decimal, UUID, PurePath, Enum)
_MAX_MEMBERS = 1_000
_MAX_DEPTH = 4
_UNNAMED = ("self", "cls")


class Unrecordable:
    """Stands for a value that is not data, such as a connection."""


def copy_value(value: object, depth: int = 0) -> Any:
    """Return a copy of a value: built-in types, data classes and models; others by the name of their type.

    Returns Unrecordable where `value` itself is of another type.
    """
    kind = type(value)
    if kind in _SCALARS:
        return value
    if isinstance(value, _CONTAINERS):
        if (copied := copy_of_built_ins((value,))) is not None:
            return marshal.loads(copied)[0]  # noqa: S302  (made in this process)
        return _members(value, depth) if depth < _MAX_DEPTH else f"<{kind.__name__}>"
    if isinstance(value, _VALUES) or dataclasses.is_dataclass(kind) or hasattr(kind, "model_dump"):
        return value
    return f"<{kind.__name__}>" if depth else Unrecordable


def _members(value: Any, depth: int) -> Any:
    if isinstance(value, Mapping):
        return {str(name): copy_value(item, depth + 1) for name, item in islice(tuple(value.items()), _MAX_MEMBERS)}
    return [copy_value(item, depth + 1) for item in islice(tuple(value), _MAX_MEMBERS)]


def argument_capture(function: Callable[..., Any]) -> Callable[[tuple[Any, ...], Mapping[str, Any]], Any]:
    """Return a function that captures the arguments of a call of `function`: the only one, or all by their names.

    `self` and `cls` are left out. It returns None where there is nothing to record.
    """
    names = _parameter_names(function)
    skipped = 1 if names[:1] and names[0] in _UNNAMED else 0

    def capture(arguments: tuple[Any, ...], keywords: Mapping[str, Any]) -> Any:
        found = dict(zip(names, arguments, strict=False))
        if len(arguments) > len(names):
            found["args"] = arguments[len(names) :]
        found.update(keywords)
        if skipped:
            found.pop(names[0], None)
        if len(found) == 1:
            only = copy_value(next(iter(found.values())))
            return None if only is Unrecordable else only
        return {name: copy_value(value, 1) for name, value in found.items()} or None

    return capture


def _parameter_names(function: Callable[..., Any]) -> list[str]:
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # a function without a signature, as some built-in ones
        return []
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [parameter.name for parameter in parameters if parameter.kind in positional]


class CapturedItems:
    """The items that a generator yields, of which the first are kept: texts are joined."""

    def __init__(self, enabled: bool = True, most: int = 10_000) -> None:
        self._most = most if enabled else 0
        self._items: list[Any] = []

    def add(self, item: object) -> None:
        """Capture one item."""
        if len(self._items) < self._most:
            self._items.append(item if type(item) is str else copy_value(item, 1))

    def output(self) -> dict[str, Any]:
        """Return the field `output`: the text of all items if they are texts, else their list."""
        if not self._items:
            return {}
        joined = all(type(item) is str for item in self._items)
        return {"output": "".join(self._items) if joined else self._items}
