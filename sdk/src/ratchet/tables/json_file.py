"""JSON files: an object per line, an array, concatenated objects, or a document that contains the rows."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from operator import itemgetter
from typing import Any, Literal

from ratchet.tables.compression import FileContent
from ratchet.tables.errors import BadFile
from ratchet.tables.json_document import Row, from_list, rows_of
from ratchet.tables.rows import BATCH, Advance, Batch, Omissions, Unit

_Shape = Literal["lines", "values", "array", "document"]
_JSON_LINES = frozenset({".jsonl", ".ndjson"})
_HEAD = 1 << 18
_CHUNK = 1 << 20
_BETWEEN = re.compile(r"[\s,]*")
_FIRST = 50
_LINES = 256
_JSON_ERRORS = (ValueError, RecursionError)


class Json:
    """A file of JSON objects. Rows are numbered by line where each line is an object, else from 1."""

    unit: Unit = "line"
    decimal_commas = False

    def __init__(self, content: FileContent) -> None:
        self._content, self._encoding = content, content.encoding()
        self.size = content.size
        self.notes = [self._encoding.note] if self._encoding.note else []
        self._document: list[Row] = []
        with content.text(self._encoding, "\n") as text:
            head = text.read(_HEAD)
        self._shape = _shape(head)
        if self._shape == "values" or (self._shape == "lines" and content.suffix not in _JSON_LINES):
            self._unwrap()
        if self._shape != "lines":
            self.unit = "row"

    def head(self, size: int) -> tuple[Sequence[int], Mapping[str, Sequence[Any]]]:
        omissions = Omissions()
        numbers, rows = next(self._batches(size, omissions), ([], []))
        if not rows:
            raise BadFile(f"{self._content.name} has no {self.unit} that can be read{_first(omissions, self.unit)}")
        names = dict.fromkeys(name for row in rows for name in row)
        return numbers, {name: [row.get(name) for row in rows] for name in names}

    def batches(self, columns: Sequence[str], omissions: Omissions, advance: Advance) -> Iterator[Batch]:
        for numbers, rows in self._batches(BATCH, omissions):
            yield numbers, [_column(rows, name) for name in columns]
            advance(self._content.position())
        advance(self.size)

    def objects(self, omissions: Omissions) -> Iterator[tuple[int, Row]]:
        """Yield all rows with their numbers."""
        for numbers, rows in self._batches(BATCH, omissions):
            yield from zip(numbers, rows, strict=True)

    def _unwrap(self) -> None:
        """Whether the file is a single object, and so a document."""
        first = list(islice(self._values(Omissions()), 2))
        if len(first) != 1 or (self._shape == "values" and not isinstance(first[0][1], dict)):
            return
        rows, note = rows_of(first[0][1])
        if note is not None:
            self._document, self._shape = rows, "document"
            self.notes.append(note)

    def _batches(self, size: int, omissions: Omissions) -> Iterator[tuple[list[int], list[Row]]]:
        numbers: list[int] = []
        rows: list[Row] = []
        for number, row in self._values(omissions):
            if type(row) is not dict:
                omissions.count(number, "is not a JSON object")
                continue
            numbers.append(number)
            rows.append(row)
            if len(rows) == size:
                yield numbers, rows
                numbers, rows = [], []
        if rows:
            yield numbers, rows

    def _values(self, omissions: Omissions) -> Iterator[tuple[int, Any]]:
        if self._shape == "document":
            yield from enumerate(self._document, 1)
            return
        with self._content.text(self._encoding, "\n") as text:
            if self._shape == "lines":
                yield from _lines(text, omissions)
            else:
                yield from enumerate(_table(_stream(text, self._content.name)), 1)


def _shape(head: str) -> _Shape:
    """Return the shape by the first lines: an object in most of them, else an array or concatenated values."""
    start = head.lstrip("\ufeff \t\r\n")
    whole = [line for line in head.split("\n")[: -1 if len(head) == _HEAD else None] if line.strip()][:_FIRST]
    parsed = sum(isinstance(_parsed(line), dict) for line in whole)
    if start.startswith("[") and not (parsed and parsed >= len(whole) - 1 > 0 and isinstance(_parsed(whole[0]), list)):
        return "array"
    if parsed >= 0.5 * len(whole) or isinstance(_parsed(whole[0]), dict) or not start.startswith("{"):
        return "lines"
    return "values"


def _parsed(line: str) -> Any:
    try:
        return json.loads(line.lstrip("\ufeff"))
    except _JSON_ERRORS:
        return None


def _column(rows: Sequence[Row], name: str) -> list[Any]:
    """Return the cells of a column; None where a row has none."""
    try:
        return list(map(itemgetter(name), rows))
    except KeyError:
        return [row.get(name) for row in rows]


def _lines(text: Iterator[str], omissions: Omissions) -> Iterator[tuple[int, Any]]:
    """Yield the values of lines with the numbers of these lines."""
    number = 1
    while lines := list(islice(text, _LINES)):
        values = _values_of(lines)
        if values is not None:
            yield from enumerate(values, number)
        else:
            yield from _line_by_line(lines, number, omissions)
        number += len(lines)


def _values_of(lines: Sequence[str]) -> list[Any] | None:
    """Return the value of each line, parsed at once; None if a line does not have exactly one.

    Each line becomes a list. No value continues in the next line: a string cannot contain a newline.
    """
    try:
        found = json.loads(f"[[{'],['.join(lines)}]]")
    except _JSON_ERRORS:
        return None
    if len(found) != len(lines) or set(map(len, found)) != {1}:
        return None
    return list(chain.from_iterable(found))


def _line_by_line(lines: Iterable[str], first: int, omissions: Omissions) -> Iterator[tuple[int, Any]]:
    for number, line in enumerate(lines, first):
        try:
            yield number, json.loads(line)
        except _JSON_ERRORS:
            if line.strip():
                omissions.count(number, "is not JSON")


def _stream(text: Any, name: str) -> Iterator[Any]:
    """Yield the elements of an array or concatenated values. Raises BadFile at the first malformed one."""
    decoder, buffer, at, line = json.JSONDecoder(), text.read(_CHUNK).lstrip("\ufeff"), 0, 1
    array = buffer.lstrip().startswith("[")
    if array:
        at = buffer.index("[") + 1
    while True:
        at = _BETWEEN.match(buffer, at).end()  # type: ignore[union-attr]  # it matches always
        if at < len(buffer) and buffer[at] == "]" and array:
            return
        try:
            if at == len(buffer):
                raise ValueError("it is truncated")
            value, end = decoder.raw_decode(buffer, at)
        except _JSON_ERRORS as error:
            more = text.read(max(_CHUNK, len(buffer) - at))
            if more:
                line += buffer.count("\n", 0, at)
                buffer, at = buffer[at:] + more, 0
                continue
            if at == len(buffer) and not array:
                return
            line += buffer.count("\n", 0, getattr(error, "pos", at))
            raise BadFile(f"{name} is not JSON: line {line:,}: {getattr(error, 'msg', error)}") from None
        yield value
        at = end


def _table(values: Iterator[Any]) -> Iterator[Any]:
    """Yield rows of named cells, where the elements of an array are lists."""
    first = next(values, None)
    if first is None:
        return
    if not isinstance(first, list):
        yield first
        yield from values
        return
    yield from from_list([first, *values])


def _first(omissions: Omissions, unit: str) -> str:
    return "".join(f": {unit} {found.first} {reason}" for reason, found in list(omissions.found.items())[:1])
