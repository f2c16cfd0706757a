"""Which column of a file holds which field. Pure."""

import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ratchet.imports.record_fields import OBJECTS, cell_kind, detect_field
from ratchet.tables import BadFile

_TABLES = ("columns", "constants")


@dataclass(frozen=True, slots=True)
class ColumnMapping:
    """Field → column, and field → value for fields that are the same in all rows.

    A column inside another one is named by its path, such as `request.messages`.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, str] = field(default_factory=dict)

    def fields(self) -> frozenset[str]:
        """Return all fields that a row has."""
        return frozenset(self.columns) | frozenset(self.constants)


def read_mapping_file(path: Path) -> ColumnMapping:
    """Read a mapping from TOML with the tables `columns` and `constants`. Raises BadFile."""
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise BadFile(f"{path.name} is not a TOML file: {error}") from None
    return mapping_from_tables(path.name, document)


def mapping_from_tables(source: str, document: Mapping[str, object]) -> ColumnMapping:
    """Return the mapping in the tables `columns` and `constants`. `source` begins messages. Raises BadFile."""
    tables: dict[str, dict[str, str]] = {}
    for name, table in document.items():
        if name not in _TABLES or not isinstance(table, dict):
            raise BadFile(f"{source}: {name!r} must be one of the tables {', '.join(_TABLES)}")
        tables[name] = _flat(source, table)
    return ColumnMapping(tables.get("columns", {}), tables.get("constants", {}))


def parse_pairs(flag: str, pairs: Sequence[str]) -> dict[str, str]:
    """Return `FIELD=COLUMN` arguments as a dictionary. Raises BadFile."""
    found: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name.strip() or not value.strip():
            raise BadFile(f"{flag}: {pair!r} must have the form FIELD={'COLUMN' if flag == '--map' else 'VALUE'}")
        if name.strip() in found:
            raise BadFile(f"{flag}: {name.strip()} is given twice")
        found[name.strip()] = value.strip()
    return found


def resolve_mapping(header: Sequence[str], given: ColumnMapping, objects: Collection[str] = ()) -> ColumnMapping:
    """Return the mapping of a file with these columns: `given`, and columns that have a field's name.

    `objects` are the columns whose cells are objects or lists of them: only they hold fields with several values.

    Raises BadFile for an unknown field or column, and where the rows would have neither an execution nor feedback.
    """
    for name in given.fields():
        cell_kind(name)
    for name, column in given.columns.items():
        if column not in header and column.partition(".")[0] not in header:
            raise BadFile(f"{name} is mapped to {column!r}, but the columns are {', '.join(header)}")
        if name in given.constants:
            raise BadFile(f"{name} has both a column and a value for all rows")
    used = {*given.columns.values(), *(column.partition(".")[0] for column in given.columns.values())}
    detected: dict[str, str] = {}
    for column in header:
        found = None if column in used else detect_field(column)
        if found in OBJECTS and column not in objects:
            continue
        if found is not None and found not in given.fields():
            detected.setdefault(found, column)
    mapping = ColumnMapping({**detected, **given.columns}, given.constants)
    _check_purpose(mapping.fields())
    return mapping


def _check_purpose(fields: frozenset[str]) -> None:
    feedback = [name for name in fields if name.startswith("feedback.")]
    if "execution_id" in fields:
        if not feedback:
            raise BadFile("a file with execution_id needs feedback: map a column to feedback.thumb, feedback.rating, …")
        return
    if "target" not in fields:
        raise BadFile("the target is missing: give --target NAME, or map a column with --map target=COLUMN")
    if fields <= {"target", "id", "occurred_at"}:
        raise BadFile("no column is used: name some, such as --map input=question --map feedback.thumb=liked")


def _flat(file: str, table: Mapping[str, object], prefix: str = "") -> dict[str, str]:
    """Return a table's values by dotted names: `feedback.thumb = "liked"` is a nested table in TOML."""
    found: dict[str, str] = {}
    for name, value in table.items():
        if isinstance(value, dict):
            found |= _flat(file, value, f"{prefix}{name}.")
        elif isinstance(value, bool):
            found[prefix + name] = "yes" if value else "no"
        elif isinstance(value, str | int | float):
            found[prefix + name] = str(value)
        else:
            raise BadFile(f"{file}: {prefix}{name} must be a text or a number")
    return found
