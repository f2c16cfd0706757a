"""Read labels from files of JSON lines, joined by fields."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

Row = dict[str, Any]


class LabelError(ValueError):
    """A line can't be used; the message names file, line and field."""


def read_rows(files: Sequence[Path], on: Sequence[str]) -> list[Row]:
    """Return the objects of the first file, each with the fields of the objects in the others that have the same `on`.

    An object that another file lacks is left out. Raises LabelError, also for a key that occurs twice, and OSError.
    """
    tables = [_read(file) for file in files]
    if len(tables) == 1:
        return [row for _, row in tables[0]]
    if not on:
        raise LabelError("--on: name the fields that join the files")
    keyed = [_by_key(file, table, on) for file, table in zip(files, tables, strict=True)]
    first, *others = keyed
    common = [key for key in first if all(key in other for other in others)]
    return [{name: value for table in reversed(keyed) for name, value in table[key].items()} for key in common]


def number_of(row: Row, field: str) -> float | None:
    """Return a label as a number; None for null or a missing one. Raises LabelError."""
    value = row.get(field)
    if value is None:
        return None
    if isinstance(value, bool):
        return float(value)
    if isinstance(value, int | float) and value == value and abs(value) != float("inf"):
        return float(value)
    raise LabelError(f"{field}: {str(value)[:40]!r} is not a number")


def _read(file: Path) -> list[tuple[int, Row]]:
    rows = []
    for number, text in enumerate(file.read_text("utf-8").splitlines(), 1):
        if not text.strip():
            continue
        try:
            row = json.loads(text)
        except ValueError:
            row = None
        if not isinstance(row, dict):
            raise LabelError(f"{file}, line {number}: is not a JSON object")
        rows.append((number, row))
    return rows


def _by_key(file: Path, table: Sequence[tuple[int, Row]], on: Sequence[str]) -> dict[tuple[str, ...], Row]:
    found: dict[tuple[str, ...], Row] = {}
    for number, row in table:
        missing = next((field for field in on if row.get(field) is None), None)
        if missing:
            raise LabelError(f"{file}, line {number}: {missing} is missing")
        key = tuple(json.dumps(row[field], sort_keys=True) for field in on)
        if key in found:
            raise LabelError(f"{file}, line {number}: the same {', '.join(on)} occurred before")
        found[key] = row
    return found
