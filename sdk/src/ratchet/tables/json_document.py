"""Rows of a single JSON value: pandas' orientations, or an object that contains a list of objects."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ratchet.tables.errors import BadFile

Row = dict[str, Any]
_DEEPEST = 4


def rows_of(document: Any) -> tuple[list[Row], str | None]:
    """Return the rows of a document, and a note on how they were found. Raises BadFile."""
    if isinstance(document, list):
        return from_list(document), None
    if not isinstance(document, dict):
        raise BadFile("it contains a single value and no rows")
    names, data = document.get("columns"), document.get("data")
    if isinstance(names, list) and isinstance(data, list) and all(isinstance(row, list) for row in data):
        return named_rows([*map(_name, names)], data), "read as pandas' orientation split"
    parts = list(document.values())
    if parts and all(isinstance(part, dict) for part in parts):
        found = _crossed(document)
        if found is not None:
            return found
    if _columns(parts):
        return [dict(zip(document, row, strict=True)) for row in zip(*parts, strict=True)], (
            "read as an object of columns"
        )
    lists = sorted(_lists(document), key=lambda each: -len(each[1]))
    if lists and len(lists[0][1]) > 1:
        path, rows = lists[0]
        return rows, f"the rows are those of {path}"
    return [document], None


def from_list(values: Sequence[Any]) -> list[Row]:
    """Return objects unchanged, and lists as objects with the names in the first list, or numbers."""
    if values and all(isinstance(value, list) for value in values):
        first = values[0]
        if all(isinstance(name, str) for name in first) and not all(
            isinstance(cell, str) for row in values[1:] for cell in row
        ):
            return named_rows(first, values[1:])
        return named_rows([f"column {number}" for number in range(1, len(first) + 1)], values)
    return [value for value in values if isinstance(value, dict)]


def named_rows(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[Row]:
    """Return rows of cells as objects; a short row lacks its last columns."""
    return [dict(zip(names, row, strict=False)) for row in rows]


def _columns(parts: Sequence[Any]) -> bool:
    """Whether these are lists of equal length."""
    if not parts or not all(isinstance(part, list) for part in parts) or len({len(part) for part in parts}) != 1:
        return False
    return not all(isinstance(cell, dict) for part in parts for cell in part)


def _name(name: Any) -> str:
    return ".".join(map(str, name)) if isinstance(name, list) else str(name)


def _crossed(document: Mapping[str, Mapping[str, Any]]) -> tuple[list[Row], str] | None:
    """Return the rows of an object of objects with equal keys: columns of rows, or rows of columns."""
    first, *others = document.values()
    if len(first) < 1 or any(part.keys() != first.keys() for part in others):
        return None
    if _labels(first) and not (_labels(document) and len(document) > len(first)):
        return [{name: column[label] for name, column in document.items()} for label in first], (
            "read as pandas' orientation columns"
        )
    if _labels(document) or len(document) > len(first):
        return [dict(row) for row in document.values()], "read as pandas' orientation index"
    return None


def _labels(keys: Mapping[str, Any]) -> bool:
    """Whether these keys can be an index: whole numbers."""
    return all(key.lstrip("-").isdigit() for key in keys)


def _lists(value: Any, path: str = "", depth: int = 0) -> Iterator[tuple[str, list[Row]]]:
    """Yield all lists of objects in a value, with their paths."""
    if depth > _DEEPEST or not isinstance(value, dict):
        return
    for name, part in value.items():
        child_path = f"{path}.{name}" if path else name
        if isinstance(part, list) and part and all(isinstance(row, dict) for row in part):
            yield child_path, part
        else:
            yield from _lists(part, child_path, depth + 1)
