"""A file as batches of cells, whatever its format: streamed, so its size doesn't matter."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from analyzer.backtest.troubles import Troubles

Batch = tuple[Sequence[int], Sequence[Sequence[Any]]]
"""The numbers of some lines or rows, from 1, and for each column asked for their cells; None where a row has none."""
Advance = Callable[[int], None]
"""Told now and then how much of `Source.size` has been read."""
Unit = Literal["line", "row", "answer"]

SAMPLE = 1000
BATCH = 4096


@dataclass(frozen=True, slots=True)
class Sample:
    """The cells of the first rows, by column, in the order of the file; None where a row has none."""

    columns: Mapping[str, Sequence[Any]]

    def known(self, column: str) -> list[Any]:
        """The cells of a column that hold something."""
        return [cell for cell in self.columns[column] if cell is not None and cell != ""]


class Rows(Protocol):
    """A past. `unit` is what its rows are numbered by; `size` is in bytes, or in rows where those can be counted."""

    unit: Unit
    size: int

    def batches(self, columns: Sequence[str], troubles: Troubles, advance: Advance) -> Iterator[Batch]:
        """All rows, with these columns; those that can't be read are counted instead."""
        ...


class Source(Rows, Protocol):
    """A file."""

    def sample(self) -> Sample:
        """The first rows, with all their columns. Raises BadFile."""
        ...
