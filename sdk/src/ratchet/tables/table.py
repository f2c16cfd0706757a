"""A table of a file: columns by name, nested fields by path."""

from collections.abc import Iterator, Sequence
from typing import Any

from ratchet.tables.nested_fields import Path, paths, plain, reach
from ratchet.tables.rows import SAMPLE, Advance, Batch, Omissions, Sample, Source, Unit

_NESTED = frozenset({list, dict})


class Table:
    """The rows of a source. Its columns are those of the first rows. `missing`: additional words for an empty cell."""

    def __init__(self, source: Source, missing: frozenset[str] = frozenset()) -> None:
        self._source, self._missing = source, missing
        self.unit: Unit = source.unit
        self.size = source.size
        self._numbers, cells = source.head(SAMPLE)
        self._paths = paths(cells)
        self._sample = {name: self._cells(cells[path[0]], path) for name, path in self._paths.items()}

    @property
    def notes(self) -> tuple[str, ...]:
        """Assumptions about how the file is read."""
        return tuple(self._source.notes)

    @property
    def complete(self) -> bool:
        """Whether the sample contains all rows."""
        return len(self._numbers) < SAMPLE

    def sample(self) -> Sample:
        """Return the first rows with all columns."""
        return Sample(self._sample, self._numbers, self._source.decimal_commas)

    def batches(self, columns: Sequence[str], omissions: Omissions, advance: Advance) -> Iterator[Batch]:
        """Yield all rows with these columns. Raises BadFile."""
        chosen = [self._paths[column] for column in columns]
        tops = list(dict.fromkeys(path[0] for path in chosen))
        indices = [tops.index(path[0]) for path in chosen]
        for numbers, cells in self._source.batches(tops, omissions, advance):
            yield numbers, [self._cells(cells[index], path) for index, path in zip(indices, chosen, strict=True)]

    def _cells(self, cells: Sequence[Any], path: Path) -> Sequence[Any]:
        if len(path) > 1:
            below = path[1:]
            cells = [reach(cell, below) for cell in cells]
        if not _NESTED.isdisjoint(map(type, cells)):
            cells = [plain(cell) for cell in cells]
        if self._missing:
            cells = [None if _word(cell) in self._missing else cell for cell in cells]
        return cells


def _word(cell: Any) -> str:
    return cell.strip().casefold() if type(cell) is str else str(cell)
