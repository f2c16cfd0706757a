"""CSV: a header, then a record for each row."""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from analyzer.backtest.files import BATCH, SAMPLE, Advance, Batch, Sample, Unit
from analyzer.backtest.troubles import BadFile, Troubles

_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_DELIMITERS = ",;\t|"
_COMMA = re.compile(r"[-+]?\d*,\d+%?")
_LARGEST_FIELD = 1 << 24


class Csv:
    """UTF-8, or UTF-16 with its mark. The delimiter is the one of `,;|` and tab that the header uses most.

    Where it is `;`, numbers have decimal commas: spreadsheets write it where the comma is taken.
    """

    unit: Unit = "line"

    def __init__(self, path: Path) -> None:
        self._path = path
        self.size = path.stat().st_size
        self._decimal_commas = False

    def sample(self) -> Sample:
        with self._path.open("rb") as file:
            header, reader = self._reader(file)
            _, records = next(_records(reader, len(header), SAMPLE, Troubles()), ([], []))
        return Sample({name: self._column(records, place) for place, name in enumerate(header)})

    def batches(self, columns: Sequence[str], troubles: Troubles, advance: Advance) -> Iterator[Batch]:
        with self._path.open("rb") as file:
            header, reader = self._reader(file)
            places = [header.index(column) for column in columns]
            for numbers, records in _records(reader, len(header), BATCH, troubles):
                yield numbers, [self._column(records, place) for place in places]
                advance(file.tell())

    def _column(self, records: Sequence[Sequence[str]], place: int) -> list[str]:
        cells = [record[place] for record in records]
        if self._decimal_commas:
            cells = [cell.replace(",", ".") if _COMMA.fullmatch(cell) else cell for cell in cells]
        return cells

    def _reader(self, file: IO[bytes]) -> tuple[list[str], Any]:
        """The header, and what reads the records after it."""
        head = file.readline()
        file.seek(0)
        encoding = "utf-16" if head.startswith(_UTF16) else "utf-8-sig"
        text = io.TextIOWrapper(file, encoding, errors="replace", newline="")
        csv.field_size_limit(_LARGEST_FIELD)  # answers of models are long
        delimiter = max(_DELIMITERS, key=lambda mark: head.count(mark.encode()))
        self._decimal_commas = delimiter == ";"
        reader = csv.reader(text, delimiter=delimiter)
        header = [name.strip() for name in next(reader, [])]
        if not header:
            raise BadFile(f"{self._path.name} is empty")
        if doubled := {name for name in header if header.count(name) > 1}:
            raise BadFile(f"the header of {self._path.name} names a column twice: {', '.join(sorted(doubled))}")
        return header, reader


def _records(reader: Any, width: int, size: int, troubles: Troubles) -> Iterator[tuple[list[int], list[list[str]]]]:
    """Some records at a time that are as wide as the header, with the numbers of their first lines."""
    numbers: list[int] = []
    records: list[list[str]] = []
    number = reader.line_num + 1
    while True:
        try:
            record = next(reader)
        except StopIteration:
            break
        except csv.Error:
            troubles.count(number, "is not CSV, or has a field of more than 16 million characters")
            record = []
        if len(record) == width:
            numbers.append(number)
            records.append(record)
            if len(records) == size:
                yield numbers, records
                numbers, records = [], []
        elif record:
            troubles.count(number, "has more or fewer fields than the header")
        number = reader.line_num + 1
    if records:
        yield numbers, records
