"""A file opened for import: its columns, their mapping and readers, and its rows in batches."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import Any

from ratchet.imports.cell_readers import cell_reader, is_object
from ratchet.imports.column_map import ColumnMapping, resolve_mapping
from ratchet.imports.record_fields import cell_kind
from ratchet.imports.rows import MappedColumn, RowConverter
from ratchet.tables import BadFile, Omissions, open_source
from ratchet.tables.missing_values import is_blank
from ratchet.tables.nested_fields import reach
from ratchet.tables.rows import SAMPLE, Advance, Source
from ratchet.tables.time_zones import zone
from ratchet.tables.times import time_format

NumberedRow = tuple[int, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Formats:
    """Given formats of times; None: detected, and UTC."""

    times: str | None = None
    zone: str | None = None


class SkippedLines(Omissions):
    """Lines that are not rows, such as malformed JSON, each with its reason."""

    def __init__(self) -> None:
        super().__init__()
        self._new: list[tuple[int, str]] = []

    def count(self, number: int, reason: str) -> None:
        super().count(number, reason)
        self._new.append((number, reason))

    def pop(self) -> list[tuple[int, str]]:
        """Return the lines found since the last call."""
        found, self._new = self._new, []
        return found


class ImportSource:
    """A file and how its rows are converted. Raises BadFile, or Doubt where the file is ambiguous."""

    def __init__(self, path: Path, given: ColumnMapping, formats: Formats) -> None:
        self._source: Source = open_source(path)
        _, sample = self._source.head(SAMPLE)
        self._header = list(sample)
        objects = [column for column, cells in sample.items() if any(map(is_object, cells))]
        self.mapping = resolve_mapping(self._header, given, objects)
        self.converter = RowConverter(self._columns(sample, formats), self._constants())
        self.unit, self.size = self._source.unit, self._source.size
        self.notes = (*self._source.notes, *([] if formats.zone else self._unzoned(sample, formats)))

    @property
    def unused(self) -> list[str]:
        """Return the columns of the file that are not imported."""
        used = set(self.mapping.columns.values())
        tops = {column.partition(".")[0] for column in used}
        return [column for column in self._header if column not in used and column not in tops]

    def batches(self, skipped: SkippedLines, advance: Advance) -> Iterator[Sequence[NumberedRow]]:
        """Yield all rows, as column → cell. Raises BadFile."""
        for numbers, cells in self._source.batches(self._header, skipped, advance):
            rows = (dict(zip(self._header, row, strict=True)) for row in zip(*cells, strict=True))
            yield list(zip(numbers, rows, strict=True))

    def _columns(self, sample: Mapping[str, Sequence[Any]], formats: Formats) -> list[MappedColumn]:
        found = []
        for name, column in self.mapping.columns.items():
            path = (column,) if column in sample else tuple(column.split("."))
            cells = [reach(cell, path[1:]) for cell in sample[path[0]]]
            if all(cell is None for cell in cells) and len(path) > 1:
                raise BadFile(f"--map: no row has a column {column}")
            read = cell_reader(
                cell_kind(name),
                column,
                cells,
                zone=zone(formats.zone) if formats.zone else UTC,
                times=formats.times,
                commas=self._source.decimal_commas,
            )
            found.append(MappedColumn(name, path, read))
        return found

    def _unzoned(self, sample: Mapping[str, Sequence[Any]], formats: Formats) -> list[str]:
        """Return a note if times have no zone."""
        column = self.mapping.columns.get("occurred_at", "")
        found = time_format(column, [cell for cell in sample.get(column, ()) if not is_blank(cell)], formats.times)
        return [f"times in {column} have no zone and are read as UTC (--timezone)"] if found and found.naive else []

    def _constants(self) -> dict[str, Any]:
        """Return the values of the fields that all rows have. Raises BadFile."""
        found: dict[str, Any] = {}
        for name, text in self.mapping.constants.items():
            try:
                read = cell_reader(cell_kind(name), name, [text], zone=UTC, times=None, commas=False)
                found[name] = read(text)
            except ValueError as error:
                raise BadFile(f"--set: {name} {error}") from None
        return found
