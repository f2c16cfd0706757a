"""Delimited text such as CSV: a header, then a record per row."""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from operator import itemgetter
from typing import Any

from ratchet.tables.compression import FileContent
from ratchet.tables.errors import BadFile
from ratchet.tables.header import find_header, fits, is_total, looks_measured, modal_width
from ratchet.tables.rows import BATCH, Advance, Batch, Omissions, Unit

_DELIMITERS = ",;\t|"
_NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe"}
_DECLARED = re.compile(r'"?sep=(.)"?\r?\n?', re.IGNORECASE)
_LARGEST_FIELD = 1 << 24
_HEAD = 1 << 18
_TAIL = 3
_FIRST = 200
_NARROW = "has more or fewer fields than the header"

Numbered = tuple[Sequence[int], list[list[str]]]
"""Records, and the numbers of their first lines."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """The dialect of delimited text. `declared`: the first line is `sep=`, not a record."""

    delimiter: str
    escape: str | None = None
    declared: bool = False

    def reader(self, lines: Any) -> Any:
        return csv.reader(
            lines, delimiter=self.delimiter, escapechar=self.escape, doublequote=self.escape is None, strict=True
        )


class Delimited:
    """A delimited text. Where the delimiter is `;`, numbers may have decimal commas."""

    unit: Unit = "line"

    def __init__(self, content: FileContent, header: bool | None = None) -> None:
        csv.field_size_limit(_LARGEST_FIELD)  # answers of models are long
        self._content, self._encoding = content, content.encoding()
        self.size = content.size
        self.notes = [self._encoding.note] if self._encoding.note else []
        with content.text(self._encoding) as text:
            head = text.read(_HEAD)
        if not head.strip():
            raise BadFile(f"{content.name} is empty")
        self._dialect = find_dialect(head, cut=len(head) == _HEAD)
        self.decimal_commas = self._dialect.delimiter == ";"
        found = find_header(list(islice(_parsed(head, self._dialect), _FIRST)), header, "line")
        self._names, self._skipped = found.names, found.skipped
        self.notes += [found.note] if found.note else []
        if self._dialect.delimiter != "," and len(self._names) > 1:
            self.notes.append(f"fields end at a {_NAMES.get(self._dialect.delimiter, self._dialect.delimiter)}")

    def head(self, size: int) -> tuple[Sequence[int], Mapping[str, Sequence[Any]]]:
        for numbers, records in self._records(size, Omissions()):
            return numbers, dict(zip(self._names, map(list, zip(*records, strict=True)), strict=True))
        return [], {name: [] for name in self._names}

    def batches(self, columns: Sequence[str], omissions: Omissions, advance: Advance) -> Iterator[Batch]:
        cells = [itemgetter(self._names.index(column)) for column in columns]
        for numbers, records in self._records(BATCH, omissions):
            yield numbers, [list(map(cell, records)) for cell in cells]
            advance(self._content.position())
        advance(self.size)

    def _records(self, size: int, omissions: Omissions) -> Iterator[tuple[list[int], list[list[str]]]]:
        """Yield batches of records that are as wide as the header, with the numbers of their first lines."""
        header = list(self._names)
        numbers: list[int] = []
        records: list[list[str]] = []
        with self._content.text(self._encoding) as text:
            first = 1
            if self._dialect.declared:
                text.readline()
                first = 2
            for more_numbers, more in self._fitting(_numbered(text, self._dialect, first, size, omissions), omissions):
                numbers += more_numbers
                records += more
                while len(records) >= size + _TAIL:
                    yield numbers[:size], records[:size]
                    numbers, records = numbers[size:], records[size:]
        while records and (records[-1] == header or is_total(records[-1])):
            records.pop()
            omissions.count(numbers.pop(), "sums up the rows above it")
        for start in range(0, len(records), size):
            yield numbers[start : start + size], records[start : start + size]

    def _fitting(self, batches: Iterable[Numbered], omissions: Omissions) -> Iterator[Numbered]:
        """Yield the records of batches that are as wide as the header, without those above the first row."""
        width, skip = len(self._names), self._skipped
        for numbers, records in batches:
            if not skip and set(map(len, records)) == {width}:
                yield numbers, records
                continue
            kept: list[tuple[int, list[str]]] = []
            for number, record in zip(numbers, records, strict=True):
                if skip and record:
                    skip -= 1
                elif len(record) == width:
                    kept.append((number, record))
                elif len(record) > width and not any(record[width:]):
                    kept.append((number, record[:width]))
                elif record:
                    omissions.count(number, _NARROW)
            yield [number for number, _ in kept], [record for _, record in kept]


def _numbered(text: Iterator[str], dialect: Dialect, first: int, size: int, omissions: Omissions) -> Iterator[Numbered]:
    """Yield batches of all records, with the numbers of their first lines; `first` is that of the first one."""
    while lines := list(islice(text, size)):
        try:
            records = list(dialect.reader(lines))
        except csv.Error:
            records = []
        if len(records) == len(lines):
            yield range(first, first + len(lines)), records
            first += len(lines)
        else:  # some records have several lines, or cannot be parsed
            reader = dialect.reader(chain(lines, text))
            yield _one_by_one(reader, first, len(lines), omissions)
            first += reader.line_num


def _one_by_one(reader: Any, first: int, lines: int, omissions: Omissions) -> Numbered:
    """Read records until at least `lines` lines are read; return them with the numbers of their first lines."""
    numbers: list[int] = []
    records: list[list[str]] = []
    while reader.line_num < lines:
        number = first + reader.line_num
        try:
            record = next(reader)
        except StopIteration:
            break
        except csv.Error as error:
            omissions.count(number, _broken(str(error), number, first - 1 + reader.line_num))
            continue
        numbers.append(number)
        records.append(record)
    return numbers, records


def _broken(error: str, number: int, last: int) -> str:
    """Return why a record is skipped. Raises BadFile where it may contain other rows."""
    if "unexpected end" in error:
        raise BadFile(f"line {number:,}: a quote is not closed: close it, or double it within a field")
    if last > number:
        raise BadFile(
            f"line {number:,}: a quote is opened that is closed only in line {last:,}, and not at the end of a field; "
            "close it, or double it within a field"
        )
    return "is not CSV: a quote within a field is not doubled, or a field is longer than 16 million characters"


def find_dialect(head: str, cut: bool) -> Dialect:
    """Return the dialect in which most of the first records are equally wide; the comma by default."""
    declared = _DECLARED.match(head)
    if declared:
        return Dialect(declared[1], declared=True)
    escapes = (None, "\\") if '\\"' in head else (None,)
    rated = [(rating, dialect) for escape in escapes for mark in _DELIMITERS
             if (rating := _rating(head, dialect := Dialect(mark, escape), cut)) is not None]  # fmt: skip
    return max(rated, key=lambda each: each[0])[1] if rated else Dialect(",")


def _rating(head: str, dialect: Dialect, cut: bool) -> tuple[float, int] | None:
    """Return the share of the first records with equal width, and the width; None for a single column."""
    every = list(islice(_parsed(head, dialect, broken=True), _FIRST))
    records = [record for record in every if record]
    if cut and len(records) < _FIRST:
        records = records[:-1]
    if not records:
        return None
    width = modal_width(records)
    first = next((record for record in records if len(record) == width), [])
    if width < 2 or (any(map(looks_measured, first)) and not fits(records[0], width)):
        return None
    return sum(len(record) in (width, width - 1) for record in records) / len(every), width


def _parsed(head: str, dialect: Dialect, broken: bool = False) -> Iterator[list[str]]:
    """Yield the non-empty records of a text; malformed ones are skipped, or empty if `broken`."""
    lines = io.StringIO(head, newline="")
    if dialect.declared:
        lines.readline()
    reader = dialect.reader(lines)
    while True:
        try:
            record = next(reader)
        except StopIteration:
            return
        except csv.Error:
            if broken:
                yield []
            continue
        if record:
            yield record
