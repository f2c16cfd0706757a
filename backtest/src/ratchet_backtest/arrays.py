"""Compact columns: 4 bytes for a name, 8 for a value."""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ratchet.tables import BadFile
from ratchet.tables.missing_values import is_blank
from ratchet.tables.numbers import MISSING
from ratchet.tables.rows import ABSENT, Omissions
from ratchet_backtest.cell_values import UncountedCell
from ratchet_backtest.scales import ValueScale

MAX_NAMES = 10_000
"""Maximum number of different names in a column of versions, models, targets or segments."""
_SHOWN = 3
_MAX_TEXTS = 1000
"""Number of different texts in a column of values whose values are remembered."""


@dataclass(slots=True)
class NameColumn:
    """A column of names: a code for each row, and each name once; None means no name."""

    column: str
    names: list[str | None] = field(default_factory=list)
    codes: "array[int]" = field(default_factory=lambda: array("i"))
    _known: dict[Any, int] = field(default_factory=dict)

    def extend(self, cells: Sequence[Any]) -> None:
        known = self._known
        try:
            self.codes.extend(list(map(known.__getitem__, cells)))
        except (KeyError, TypeError):
            self.codes.extend([self._code(cell) for cell in cells])

    def _code(self, cell: Any) -> int:
        if type(cell) is not str:
            cell = None if is_blank(cell) else str(cell)
        code = self._known.get(cell)
        if code is None:
            if len(self.names) == MAX_NAMES:
                raise BadFile(f"{self.column} has more than {MAX_NAMES:,} different names: choose another column")
            code = self._known[cell] = len(self.names)
            self.names.append(None if is_blank(cell) else cell)
        return code

    def at(self, row: int) -> str | None:
        return self.names[self.codes[row]]


@dataclass(slots=True)
class ValueColumn:
    """A column of values on the metric's scale, NaN if there is none, with counts of the reasons.

    `shown` has the first unreadable cells, with their lines or rows.
    """

    scale: ValueScale
    found: "array[float]" = field(default_factory=lambda: array("d"))
    n: int = 0
    missing: int = 0
    outside: int = 0
    unreadable: int = 0
    shown: list[tuple[int, str]] = field(default_factory=list)
    omissions: Omissions = field(default_factory=Omissions)
    _texts: dict[Any, float] = field(default_factory=dict)

    def extend(self, numbers: Sequence[int], cells: Sequence[Any]) -> None:
        try:
            found = list(map(self._texts.__getitem__, cells))
        except (KeyError, TypeError):
            self._read_cells(numbers, cells)
            if len(self._texts) < _MAX_TEXTS:
                self._remember(cells)
        else:
            self.n += len(found)
            self.found.extend(found)

    def _remember(self, cells: Sequence[Any]) -> None:
        """Remember the values of the latest cells that are texts; numbers are read as fast."""
        for cell, value in zip(cells, self.found[len(self.found) - len(cells) :], strict=True):
            if type(cell) is str and value == value:
                self._texts[cell] = value

    def _read_cells(self, numbers: Sequence[int], cells: Sequence[Any]) -> None:
        scale = self.scale
        low, high, to_scale = scale.low, scale.high, scale.metric.to_scale
        try:
            read = [MISSING] if ABSENT in cells else [scale.read(cell) for cell in cells]
        except ValueError:
            read = [MISSING]
        parsed = np.array(read)
        if ((parsed >= low) & (parsed <= high)).all():
            self.n += len(read)
            self.found.extend([to_scale(value) for value in read])
        else:
            self.found.extend([self._read_cell(number, cell) for number, cell in zip(numbers, cells, strict=True)])

    def _read_cell(self, number: int, cell: Any) -> float:
        """Return the value of a cell; count the reason and return NaN if there is none."""
        if cell is ABSENT:
            return MISSING
        scale = self.scale
        try:
            value = scale.read(cell)
        except ValueError as reason:
            self.omissions.count(number, str(reason))
            if not isinstance(reason, UncountedCell):
                self.unreadable += 1
                if len(self.shown) < _SHOWN:
                    self.shown.append((number, str(cell)[:40]))
            return MISSING
        if scale.low <= value <= scale.high:
            self.n += 1
            return scale.metric.to_scale(value)
        if value != value:
            self.missing += 1
        else:
            self.outside += 1
            self.omissions.count(number, f"is outside {scale.low:g} to {scale.high:g}")
        return MISSING
