"""Rows in batches of cells, whatever the format: streamed, so the size of a file does not matter."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Protocol

from ratchet.tables.missing_values import is_blank

Batch = tuple[Sequence[int], Sequence[Sequence[Any]]]
"""The numbers of some lines or rows, from 1, and for each requested column their cells; None where a row has none."""
Advance = Callable[[int], None]
"""Called now and then with how much of `Rows.size` has been read."""
Unit = Literal["line", "row", "answer"]

SAMPLE = 2000
"""Rows that columns are recognised by."""
BATCH = 4096


class Absent:
    """The type of `ABSENT`."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = Absent()
"""A cell that does not exist, because its row is about another metric; nothing is missing there."""


@dataclass(slots=True)
class Omission:
    """How many rows or values were left out for a reason, and the first (line of a text file, else row; from 1)."""

    n: int
    first: int


@dataclass(slots=True)
class Omissions:
    """Rows or values that were left out, by reason, in the order in which the reasons came up."""

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
    """Cells of the first rows, by column, in the order of the file; None where a row has none.

    `numbers` are the lines or rows they come from. `decimal_commas` says that the file's dialect is one of countries
    that write decimal commas.
    """

    columns: Mapping[str, Sequence[Any]]
    numbers: Sequence[int] = ()
    decimal_commas: bool = False

    def known(self, column: str) -> list[Any]:
        """The cells of a column that hold something."""
        return [cell for cell in self.columns[column] if not is_blank(cell)]

    @property
    def size(self) -> int:
        return max(map(len, self.columns.values()), default=0)


class Rows(Protocol):
    """A past. `unit` is what its rows are numbered by; `size` is in bytes, or in rows where those can be counted."""

    unit: Unit
    size: int

    def batches(self, columns: Sequence[str], omissions: Omissions, advance: Advance) -> Iterator[Batch]:
        """All rows, with these columns; those that cannot be read are counted instead. Raises BadFile."""
        ...


class Source(Rows, Protocol):
    """A file of one format. `notes` say how it is read. Its columns are those of the top level, unflattened."""

    notes: list[str]
    decimal_commas: bool

    def head(self, size: int) -> tuple[Sequence[int], Mapping[str, Sequence[Any]]]:
        """The first rows, with all their columns, and their numbers. Raises BadFile."""
        ...
