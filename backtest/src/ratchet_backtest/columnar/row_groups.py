"""What rows have in common: version, model and level of each segment."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ratchet_backtest.arrays import NameColumn
from ratchet_backtest.dataset import Dataset

Ints = np.ndarray[Any, np.dtype[Any]]
Floats = np.ndarray[Any, np.dtype[np.float64]]
_MAX_TABLE = 1 << 20


class RowGroup(NamedTuple):
    """Facts that rows share."""

    version: str | None
    model: str | None
    attributes: dict[str, str]


@dataclass(frozen=True, slots=True)
class RowGroups:
    """The groups of a dataset's rows; `codes` is an index into `groups` for each row."""

    codes: Ints
    groups: Sequence[RowGroup]

    @classmethod
    def from_dataset(cls, dataset: Dataset) -> "RowGroups":
        """Return the groups of all rows of a dataset."""
        columns = [column for column in (dataset.version, dataset.model, *dataset.segments) if column is not None]
        codes, combinations = _combine([_name_codes(column) for column in columns], len(dataset.at))

        def group(combination: Sequence[int]) -> RowGroup:
            names = {id(column): column.names[code] for column, code in zip(columns, combination, strict=True)}
            levels = {segment.column: names[id(segment)] for segment in dataset.segments}
            return RowGroup(
                names.get(id(dataset.version)),
                names.get(id(dataset.model)),
                {column: level for column, level in levels.items() if level is not None},
            )

        return cls(codes, [group(combination) for combination in combinations])


def _name_codes(column: NameColumn) -> Ints:
    """Return a code for each row; equal names have the same code, however they are written."""
    first: dict[str | None, int] = {}
    same = np.array([first.setdefault(name, code) for code, name in enumerate(column.names)] or [0], dtype=np.int32)
    codes = np.frombuffer(column.codes, dtype=np.int32)
    return codes if len(first) == len(column.names) else same[codes]


def _combine(columns: Sequence[Ints], rows: int) -> tuple[Ints, list[list[int]]]:
    """Return a code for each combination of codes, and the codes of each combination."""
    codes = np.zeros(rows, dtype=np.int32)
    combinations: list[list[int]] = [[]] if rows else []
    for column in columns:
        width = int(column.max(initial=0)) + 1
        keys = codes.astype(np.int64) * width + column
        if len(combinations) * width <= _MAX_TABLE:
            used = np.flatnonzero(np.bincount(keys, minlength=1)) if rows else np.zeros(0, dtype=np.int64)
            table = np.zeros(len(combinations) * width + 1, dtype=np.int32)
            table[used] = np.arange(len(used), dtype=np.int32)
            codes = table[keys]
        else:
            used, inverse = np.unique(keys, return_inverse=True)
            codes = inverse.astype(np.int32)
        combinations = [[*combinations[key // width], key % width] for key in used.tolist()]
    return codes, combinations
