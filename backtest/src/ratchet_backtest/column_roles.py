"""Roles of columns: as chosen by flags or presets, and assigned while they are inferred."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, field
from typing import Any

from ratchet.tables import Sample
from ratchet_backtest.option_types import Preset
from shared.metric_catalog import tokens

ColumnReader = Callable[[str], Sequence[Any]]


@dataclass(frozen=True, slots=True)
class ColumnChoice:
    """Columns chosen by flags."""

    time: str | None = None
    values: tuple[str, ...] = ()
    target: str | None = None
    version: str | None = None
    model: str | None = None
    input: str | None = None
    segments: tuple[str, ...] = ()
    user: str | None = None

    def named(self) -> tuple[str, ...]:
        """Return the names of all chosen columns."""
        alone = (self.time, self.target, self.version, self.model, self.input, self.user)
        return (*(name for name in alone if name is not None), *self.values, *self.segments)

    def completed_by(self, preset: "ColumnChoice") -> "ColumnChoice":
        """Return these choices, with missing ones from `preset`."""
        return ColumnChoice(*(mine or theirs for mine, theirs in zip(astuple(self), astuple(preset), strict=True)))


PRESETS: Mapping[Preset, ColumnChoice] = {
    "frank": ColumnChoice(values=("Factuality",), version="model_name"),
    "halueval": ColumnChoice(values=("hallucination",), input="query"),
}


@dataclass(frozen=True, slots=True)
class ColumnRoles(ColumnChoice):
    """The columns that are used; `guessed` has the inferred ones by role.

    `unused` are all others. `untimed` is the reason why a column named like a time is not used as one.
    """

    guessed: dict[str, str] = field(default_factory=dict)
    unused: tuple[str, ...] = ()
    untimed: str | None = None


class RoleAssignment:
    """Assign columns to roles; each column has at most one."""

    def __init__(self, sample: Sample, given: ColumnChoice) -> None:
        self.sample = sample
        self.free = [name for name in sample.columns if name not in given.named()]
        self.guessed: dict[str, str] = {}

    def find(
        self, role: str, given: str | None, names: Sequence[str], fits: Callable[[Sequence[Any]], bool]
    ) -> str | None:
        """Return the given column. Else assign the first free column, in the order of `names`, whose cells fit."""
        if given:
            return given
        called = {name: column for column in reversed(self.free) for name in normalized_names(column)}
        found = next((called[name] for name in names if name in called and self._fits(called[name], fits)), None)
        if found:
            self.assign(role, found)
        return found

    def assign(self, role: str, column: str) -> None:
        """Record an inferred role of a column."""
        self.guessed[role] = column
        self.free.remove(column)

    def _fits(self, column: str, fits: Callable[[Sequence[Any]], bool]) -> bool:
        return fits(self.sample.known(column))


def normalized_names(column: str) -> tuple[str, ...]:
    """Return the normalised last part of a column's path, and the last two parts."""
    parts = column.split(".")
    return normalized_name(column), " ".join(tokens(" ".join(parts[-2:])))


def normalized_name(column: str) -> str:
    """Return the words of the last part of a column's path."""
    return " ".join(tokens(last_part(column)))


def last_part(column: str) -> str:
    """Return the last part of a column's path."""
    return column.rpartition(".")[2] or column


def listed(names: Iterable[str]) -> str:
    """Return the names separated by commas, at most 30 of them."""
    shown = list(names)
    more = f" and {len(shown) - 30} more" if len(shown) > 30 else ""
    return ", ".join(shown[:30]) + more
