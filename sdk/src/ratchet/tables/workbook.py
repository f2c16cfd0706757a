"""Excel files (.xlsx), read with openpyxl: the values of one sheet, with the stored results of formulas."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any

from ratchet.tables.errors import BadFile, Doubt, Option
from ratchet.tables.header import find_header, is_total
from ratchet.tables.rows import BATCH, Advance, Batch, Omissions, Unit

_MISSING = "reading .xlsx needs openpyxl: pip install 'ratchet-sdk[xlsx]'"
_FIRST = 200
_TAIL = 3


class Workbook:
    """A sheet of a workbook; `sheet` names it where several have rows."""

    unit: Unit = "row"
    decimal_commas = False

    def __init__(self, path: Path, header: bool | None = None, sheet: str | None = None) -> None:
        try:
            import openpyxl
        except ImportError:
            raise BadFile(_MISSING) from None
        try:
            self._book = openpyxl.load_workbook(path, read_only=True, data_only=True)
        except Exception as error:  # openpyxl raises any error of its XML and zip readers
            raise BadFile(f"{path.name} is not a readable workbook: {error}") from None
        self.notes: list[str] = []
        self._sheet = self._chosen(sheet)
        first = [row for _, row in islice(self._rows(), _FIRST)]
        if not first:
            raise BadFile(f"{path.name} is empty")
        width = max(map(len, first))
        above = next(at for at, row in enumerate(first) if sum(cell is not None for cell in row) > width / 2)
        found = find_header([[*row, *[None] * (width - len(row))] for row in first[above:]], header, "row")
        self._names, self._skipped = found.names, above + found.skipped
        self.notes += [f"{above} row{'s' * (above > 1)} above the header passed over"] if above else []
        self.size = self._sheet.max_row or 0

    def head(self, size: int) -> tuple[Sequence[int], Mapping[str, Sequence[Any]]]:
        for numbers, records in self._records(size, Omissions()):
            return numbers, dict(zip(self._names, map(list, zip(*records, strict=True)), strict=True))
        return [], {name: [] for name in self._names}

    def batches(self, columns: Sequence[str], omissions: Omissions, advance: Advance) -> Iterator[Batch]:
        indices = [self._names.index(column) for column in columns]
        for numbers, records in self._records(BATCH, omissions):
            yield numbers, [[record[index] for record in records] for index in indices]
            advance(numbers[-1])
        advance(self.size)

    def _chosen(self, name: str | None) -> Any:
        sheets = {sheet.title: sheet for sheet in self._book.worksheets}
        if name is not None:
            if name not in sheets:
                raise BadFile(f"--sheet: unknown sheet {name}; the file has {', '.join(sheets)}")
            return sheets[name]
        filled = [sheet for sheet in sheets.values() if len(list(islice(_filled(sheet), 2))) == 2]
        if len(filled) > 1:
            options = [
                Option(f"--sheet '{sheet.title}'", f"read {sheet.title}", "sheet", sheet.title) for sheet in filled
            ]
            raise Doubt("several sheets have rows", *options)
        if len(sheets) > 1 and filled:
            self.notes.append(f"the sheet {filled[0].title} is read")
        return filled[0] if filled else self._book.worksheets[0]

    def _rows(self) -> Iterator[tuple[int, list[Any]]]:
        """Yield non-empty rows, as wide as the widest of the first ones, with their numbers."""
        return _filled(self._sheet)

    def _records(self, size: int, omissions: Omissions) -> Iterator[tuple[list[int], list[list[Any]]]]:
        width = len(self._names)
        numbers: list[int] = []
        records: list[list[Any]] = []
        for number, row in islice(self._rows(), self._skipped, None):
            numbers.append(number)
            records.append([*row[:width], *[None] * (width - len(row))])
            if len(records) == size + _TAIL:
                yield numbers[:size], records[:size]
                numbers, records = numbers[size:], records[size:]
        while records and is_total(records[-1]):
            records.pop()
            omissions.count(numbers.pop(), "sums up the rows above it")
        for start in range(0, len(records), size):
            yield numbers[start : start + size], records[start : start + size]


def _filled(sheet: Any) -> Iterator[tuple[int, list[Any]]]:
    with closing(sheet.iter_rows(values_only=True)) as rows:
        for number, row in enumerate(rows, 1):
            cells = list(row)
            while cells and cells[-1] is None:
                cells.pop()
            if cells:
                yield number, cells
