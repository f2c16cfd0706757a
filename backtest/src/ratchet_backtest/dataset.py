"""The rows of a source in compact columns: 16 bytes per row plus its cells."""

from array import array
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ratchet.tables import BadFile
from ratchet.tables.rows import Omissions, Unit
from ratchet_backtest.arrays import NameColumn, ValueColumn
from ratchet_backtest.row_order import Trend, sort_rows
from ratchet_backtest.text_store import TextStore, UserIndex


@dataclass(slots=True)
class Dataset:
    """All readable rows. `number` is the line or row in the file, `at` the Unix time.

    Without times (`timed` is False), the position of a row is its time in seconds. `execution` returns the execution id
    of a row number. `trend` is the order of times; `newest_first`: rows with equal times are in reverse order.
    `repeated` counts local times that exist twice.
    """

    unit: Unit
    timed: bool
    values: tuple[ValueColumn, ...]
    target: NameColumn | None
    version: NameColumn | None
    model: NameColumn | None
    segments: tuple[NameColumn, ...]
    texts: TextStore | None = None
    people: UserIndex | None = None
    number: "array[int]" = field(default_factory=lambda: array("q"))
    at: "array[float]" = field(default_factory=lambda: array("d"))
    ordered: bool = True
    trend: Trend = "ascending"
    newest_first: bool = False
    repeated: int = 0
    omissions: Omissions = field(default_factory=Omissions)
    execution: Callable[[int], str] = str

    def close(self) -> None:
        """Delete the texts."""
        if self.texts:
            self.texts.close()

    def order(self, versions: Sequence[str] = ()) -> "RowOrder":
        """Return the rows by time, or only those of `versions`, one version after the other. Raises BadFile."""
        rows: Sequence[int] = range(len(self.at))
        if self.timed and not (self.ordered and not self.newest_first):
            rows = sort_rows(self.at, self.newest_first)
        elif self.newest_first:
            rows = range(len(self.at) - 1, -1, -1)
        if not versions:
            return RowOrder(self, rows, self.timed)
        if self.version is None:
            raise BadFile("--order requires a column of versions: choose it with --version")
        known = self.version.names
        if unknown := [name for name in versions if name not in known]:
            raise BadFile(
                f"--order: there is no version {unknown[0]}; the versions are {', '.join(filter(None, known))}"
            )
        ranks = {known.index(name): rank for rank, name in enumerate(versions)}
        codes = self.version.codes
        chosen = [row for row in rows if codes[row] in ranks]
        return RowOrder(self, sorted(chosen, key=lambda row: ranks[codes[row]]), False)


@dataclass(frozen=True, slots=True)
class RowOrder:
    """Rows in the replayed order. Positions start at 0; without times (`timed`), they are the times in seconds."""

    dataset: Dataset
    rows: Sequence[int]
    timed: bool

    def at(self, position: int) -> float:
        return self.dataset.at[self.rows[position]] if self.timed else float(position)

    def number(self, position: int) -> int:
        """Return the line or row of the file."""
        return self.dataset.number[self.rows[position]]

    def find(self, at: float) -> int:
        """Return the first position at that time or later."""
        return bisect_left(range(len(self.rows)), at, key=self.at)
