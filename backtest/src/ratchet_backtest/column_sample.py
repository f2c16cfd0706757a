"""A sample of a column, and the options for reading its values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ratchet.tables.numbers import Read
from ratchet_backtest.cell_values import readable
from ratchet_backtest.option_types import Better, ColumnKind, Mark
from shared.metric_catalog import Meaning, tokens

_SHOWN = 3


@dataclass(frozen=True, slots=True)
class ScaleOptions:
    """Options for reading values: `directions` by column, `meanings` by normalised word."""

    kind: ColumnKind | None = None
    ends: tuple[float, float] | None = None
    better: Better | None = None
    directions: Mapping[str, Better] = field(default_factory=dict)
    decimal: Mark | None = None
    meanings: Mapping[str, Meaning] = field(default_factory=dict)


NO_OPTIONS = ScaleOptions()


@dataclass(frozen=True, slots=True)
class ColumnSample:
    """A column with a sample of its cells, and their lines or rows (`numbers`)."""

    name: str
    cells: Sequence[Any]
    numbers: Sequence[int]
    unit: str
    mark: Mark

    @property
    def words(self) -> set[str]:
        """The words of the column's name."""
        return set(tokens(self.name))

    def unreadable_cells(self, read: Read) -> str:
        """Return the first cells that `read` cannot parse, with their lines or rows."""
        found = []
        for cell, number in zip(self.cells, self.numbers or range(1, len(self.cells) + 1), strict=False):
            if not readable([cell], read):
                found.append(f"{self.unit} {number:,}: {str(cell)[:40]!r}")
            if len(found) == _SHOWN:
                break
        return "; ".join(found)
