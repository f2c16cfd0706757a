"""Quick copies of an app's values, where all are of built-in types. Pure."""

import marshal
from typing import Any

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
