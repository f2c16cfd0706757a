"""Facts of the execution of a value."""

from collections.abc import Mapping
from typing import NamedTuple

from ratchet_backtest.dataset import Dataset

_NONE: Mapping[str, str] = {}


class ExecutionFact(NamedTuple):
    """Facts of the execution of a value; `attributes` has its level of each segment."""

    execution_id: str
    model: str | None = None
    attributes: Mapping[str, str] = _NONE
    input: str | None = None
    user: str | None = None
    outcome: str | None = None
    arm: str | None = None
    session: str | None = None


def fact_of_row(dataset: Dataset, row: int) -> ExecutionFact:
    """Return the facts of a row of a dataset."""
    levels = ((segment.column, segment.at(row)) for segment in dataset.segments)
    return ExecutionFact(
        dataset.execution(dataset.number[row]),
        dataset.model.at(row) if dataset.model else None,
        {column: level for column, level in levels if level is not None},
        dataset.texts.at(row) if dataset.texts else None,
        dataset.people.at(row) if dataset.people else None,
    )
