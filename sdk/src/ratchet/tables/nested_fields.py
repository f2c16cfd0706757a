"""Nested fields: a column is named by its path, such as `feedback.user_score`."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Path = tuple[str, ...]
_DEEPEST = 8
_MOST_COLUMNS = 2000
_NAMES = ("name", "key", "metric", "metric_name", "evaluator_name", "criterion", "question_name")
_VALUES = ("value", "score", "avg", "number_value", "string_value", "label")


def members(cell: Any) -> Mapping[str, Any] | None:
    """Return the fields of an object, a JSON text, a list's only object, or a list of named values.

    None where a cell has no fields.
    """
    if type(cell) is dict:
        return cell
    if type(cell) is str:
        return _written(cell)
    if type(cell) is not list or not cell:
        return None
    if all(type(part) is dict for part in cell):
        return _named(cell) or (cell[0] if len(cell) == 1 else None)
    if all(type(part) is tuple and len(part) == 2 for part in cell):  # a Parquet map
        return {str(key): value for key, value in cell}
    return None


def _written(text: str) -> Mapping[str, Any] | None:
    if not text.startswith(("{", "[{")):
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return members(found)


def _named(parts: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """Return `[{"key": "helpful", "score": 1}]` as `{"helpful": 1}`."""
    found: dict[str, Any] = {}
    for part in parts:
        name = next((part[key] for key in _NAMES if type(part.get(key)) is str), None)
        value = next((part[key] for key in _VALUES if part.get(key) is not None), None)
        if name is None or value is None or name in found:
            return None
        found[name] = value
    return found


def plain(cell: Any) -> Any:
    """Return the only element of a list, or the cell unchanged."""
    while type(cell) is list and len(cell) == 1:
        cell = cell[0]
    return cell


def paths(columns: Mapping[str, Sequence[Any]]) -> dict[str, Path]:
    """Return the columns of rows by name, with their paths; a cell that is not an object has its own name."""
    found: dict[str, Path] = {}
    for top, cells in columns.items():
        nested = dict.fromkeys(path for cell in cells for path in _within(cell, (top,)))
        flat = not nested or any(cell is not None and cell != "" and members(cell) is None for cell in cells)
        for path in [*([(top,)] if flat else []), *nested]:
            found.setdefault(".".join(path), path)
        if len(found) > _MOST_COLUMNS:
            break
    return found


def _within(cell: Any, path: Path) -> Iterator[Path]:
    if type(cell) in (int, float, bool) or cell is None or len(path) > _DEEPEST:
        return
    for name, part in (members(cell) or {}).items():
        below = (*path, str(name))
        deeper = list(_within(part, below)) if type(part) in (dict, list) else []
        yield from deeper or [below]


def reach(cell: Any, path: Path) -> Any:
    """Return the cell at a path within another one; None where it is absent."""
    for name in path:
        fields = cell if type(cell) is dict else members(cell)
        if fields is None:
            return None
        cell = fields.get(name)
    return cell
