"""Interfaces of row sources: batches of cells, streamed, for files of any size."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Protocol

from ratchet.tables.missing_values import is_blank

Batch = tuple[Sequence[int], Sequence[Sequence[Any]]]
"""The numbers of lines or rows, from 1, and the cells of each requested column; None where a row has none."""
Advance = Callable[[int], None]
"""Called from time to time with how much of `Rows.size` has been read."""
Unit = Literal["line", "row", "answer"]

SAMPLE = 2000
"""Number of rows by which columns are detected."""
BATCH = 512
"""Number of rows of a batch: with their cells, few enough for a processor's cache."""


class Absent:
    """The type of `ABSENT`."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = Absent()
"""A cell that does not exist because its row is about another metric; it is not a missing value."""


@dataclass(slots=True)
class Omission:
    """The number of rows or values skipped for a reason, and the first one (line of a text file, else row; from 1)."""

    n: int
    first: int


@dataclass(slots=True)
class Omissions:
    """Skipped rows or values by reason, in order of the reasons' first occurrence."""

    found: dict[str, Omission] = field(default_factory=dict)

    def count(self, number: int, reason: str) -> None:
        known = self.found.get(reason)
        if known is None:
            self.found[reason] = Omission(1, number)
        else:
            known.n += 1

    @property
    def n(self) -> int:
        return sum(omission.n for omission in self.found.values())


@dataclass(frozen=True, slots=True)
class Sample:
    """Cells of the first rows by column, in the order of the file; None where a row has none.

    `numbers` are the lines or rows they come from. `decimal_commas` says that the file's dialect is one of countries
    that write decimal commas.
    """

    columns: Mapping[str, Sequence[Any]]
    numbers: Sequence[int] = ()
    decimal_commas: bool = False

    def known(self, column: str) -> list[Any]:
        """Return the non-empty cells of a column."""
        return [cell for cell in self.columns[column] if not is_blank(cell)]

    @property
    def size(self) -> int:
        return max(map(len, self.columns.values()), default=0)


class Rows(Protocol):
    """A source of rows. `unit` is what rows are numbered by; `size` is in bytes, or in rows where these are known."""

    unit: Unit
    size: int

    def batches(self, columns: Sequence[str], omissions: Omissions, advance: Advance) -> Iterator[Batch]:
        """Yield all rows with these columns; unreadable ones are counted as omissions. Raises BadFile."""
        ...


class Source(Rows, Protocol):
    """A file of one format. `notes` say how it is read. Its columns are the top-level ones, not flattened."""

    notes: list[str]
    decimal_commas: bool

    def head(self, size: int) -> tuple[Sequence[int], Mapping[str, Sequence[Any]]]:
        """Return the first rows with all columns, and their numbers. Raises BadFile."""
        ...
