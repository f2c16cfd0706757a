"""CSV: a header, then a record for each row."""

import csv
import io
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import IO, Any

from analyzer.backtest.files import SAMPLE, STRIDE, Advance, Row, Sample, Unit
from analyzer.backtest.troubles import BadFile, Troubles

_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_DELIMITERS = ",;\t|"
_LARGEST_FIELD = 1 << 24


class Csv:
    """UTF-8, or UTF-16 with its mark. The delimiter is the one of `,;|` and tab that the header uses most."""

    unit: Unit = "line"

    def __init__(self, path: Path) -> None:
        self._path = path
        self.size = path.stat().st_size

    def sample(self) -> Sample:
        with self._path.open("rb") as file:
            header, records = self._records(file, Troubles())
            found = [record for _, record in islice(records, SAMPLE)]
        return Sample({name: [record[place] for record in found] for place, name in enumerate(header)})

    def rows(self, columns: Sequence[str], troubles: Troubles, advance: Advance) -> Iterator[Row]:
        with self._path.open("rb") as file:
            header, records = self._records(file, troubles)
            places = [header.index(column) for column in columns]
            for count, (number, record) in enumerate(records):
                if count % STRIDE == 0:
                    advance(file.tell())
                yield number, [record[place] for place in places]

    def _records(self, file: IO[bytes], troubles: Troubles) -> tuple[list[str], Iterator[Row]]:
        """The header, and all records that are as wide."""
        head = file.readline()
        file.seek(0)
        encoding = "utf-16" if head.startswith(_UTF16) else "utf-8-sig"
        text = io.TextIOWrapper(file, encoding, errors="replace", newline="")
        csv.field_size_limit(_LARGEST_FIELD)  # answers of models are long
        reader = csv.reader(text, delimiter=max(_DELIMITERS, key=lambda mark: head.count(mark.encode())))
        header = [name.strip() for name in next(reader, [])]
        if not header:
            raise BadFile(f"{self._path.name} is empty")
        if doubled := {name for name in header if header.count(name) > 1}:
            raise BadFile(f"the header of {self._path.name} names a column twice: {', '.join(sorted(doubled))}")
        return header, _as_wide(reader, len(header), troubles)


def _as_wide(reader: Any, width: int, troubles: Troubles) -> Iterator[Row]:
    """Records with the number of their first line."""
    while True:
        number: int = reader.line_num + 1
        try:
            record = next(reader)
        except StopIteration:
            return
        except csv.Error:
            troubles.count(number, "is not CSV, or has a field of more than 16 million characters")
            continue
        if len(record) == width:
            yield number, record
        elif record:
            troubles.count(number, "has more or fewer fields than the header")
