"""The past of a file in compact columns, so that it can be put in order: 16 bytes a row, and its cells."""

from array import array
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ratchet.tables import BadFile
from ratchet.tables.rows import Omissions, Unit
from ratchet_backtest.arrays import NameColumn, ValueColumn
from ratchet_backtest.row_order import Trend, in_order
from ratchet_backtest.text_store import TextStore, UserIndex


@dataclass(slots=True)
class Dataset:
    """All rows that could be read. `number` is a row's line or row in the file; `at` its Unix time.

    Where the file has no times (`timed` is False), a row's place is its time, in seconds. `execution` names a row's
    execution by its number. `trend` is how times go from row to row; where they are equal, `newest_first` says that
    rows happened from the file's end to its beginning. `repeated` counts local times that existed twice.
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
        """Forgets the texts."""
        if self.texts:
            self.texts.close()

    def order(self, versions: Sequence[str] = ()) -> "Order":
        """The rows by time; or those of `versions` only, one version after the other. Raises BadFile."""
        rows: Sequence[int] = range(len(self.at))
        if self.timed and not (self.ordered and not self.newest_first):
            rows = in_order(self.at, self.newest_first)
        elif self.newest_first:
            rows = range(len(self.at) - 1, -1, -1)
        if not versions:
            return Order(self, rows, self.timed)
        if self.version is None:
            raise BadFile("--order needs a column of versions: --version")
        known = self.version.names
        if unknown := [name for name in versions if name not in known]:
            raise BadFile(f"--order: there is no version {unknown[0]}; there are {', '.join(filter(None, known))}")
        places = {known.index(name): place for place, name in enumerate(versions)}
        codes = self.version.codes
        chosen = [row for row in rows if codes[row] in places]
        return Order(self, sorted(chosen, key=lambda row: places[codes[row]]), False)


@dataclass(frozen=True, slots=True)
class Order:
    """Rows in the order in which they are taken. A position counts from 0; if not `timed`, it is the time as well."""

    past: Dataset
    rows: Sequence[int]
    timed: bool

    def at(self, position: int) -> float:
        return self.past.at[self.rows[position]] if self.timed else float(position)

    def number(self, position: int) -> int:
        """The line or row of the file."""
        return self.past.number[self.rows[position]]

    def find(self, at: float) -> int:
        """The first position at that time or later."""
        return bisect_left(range(len(self.rows)), at, key=self.at)
