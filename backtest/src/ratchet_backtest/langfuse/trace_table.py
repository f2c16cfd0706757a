"""Joined traces as a table of rows and columns."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from analyzer.domain.model import Use
from ratchet.tables.rows import BATCH, Advance, Batch, Omissions, Unit
from ratchet_backtest.langfuse.assembly import Prompts, ScoreColumn, TraceRow
from ratchet_backtest.text_store import TextStore

CellReader = Callable[[TraceRow], Any]
_UNNAMED = "unnamed"
_DEFAULT = "default"


class TraceTable:
    """Answers by time, numbered from 1; `scores` are the score columns by name."""

    unit: Unit = "answer"

    def __init__(self, rows: Sequence[TraceRow], columns: set[ScoreColumn], texts: TextStore | None) -> None:
        self.rows, self.size = rows, len(rows)
        self._labels: dict[Prompts, str] = {}
        self.cells: dict[str, CellReader] = {
            "time": lambda row: row.at,
            "target": _target,
            "name": lambda row: row.trace.name,
            "environment": lambda row: row.trace.environment,
            "release": lambda row: row.trace.release,
            "version": self._version,
            "model": lambda row: " + ".join(row.models) or None,
            "user": lambda row: row.trace.user,
            "latency_ms": lambda row: _milliseconds(row.trace.latency) if row.whole else None,
            "cost_usd": lambda row: (row.trace.cost or None) if row.whole else None,
            "error": lambda row: ("error" if row.trace.delay_after_failures else "ok") if row.whole else None,
        }
        if texts is not None:
            self.cells["input"] = lambda row: None if row.trace.text is None else texts.at(row.trace.text)
        self.scores = {name: column for column, name in _named(columns, self.cells).items()}
        self.cells |= {name: partial(_score_cell, column) for name, column in self.scores.items()}

    def known(self, column: str) -> list[Any]:
        """Return the cells of a column without missing ones."""
        cell = self.cells[column]
        return [found for row in self.rows if (found := cell(row)) is not None]

    def uses(self) -> Mapping[str, tuple[Use, ...]]:
        """Return the prompts of each cell of `version`."""
        return {
            self._label(prompts): tuple(Use(*prompt) for prompt in dict(prompts).items())
            for prompts in {row.prompts for row in self.rows if row.prompts}
        }

    def execution(self, number: int) -> str:
        """Return the trace id of a row."""
        return self.rows[number - 1].name

    def batches(self, columns: Sequence[str], omissions: Omissions, advance: Advance) -> Iterator[Batch]:
        cells = [self.cells[column] for column in columns]
        for start in range(0, self.size, BATCH):
            rows = self.rows[start : start + BATCH]
            yield range(start + 1, start + 1 + len(rows)), [[cell(row) for row in rows] for cell in cells]
            advance(start + len(rows))

    def _version(self, row: TraceRow) -> str | None:
        return self._label(row.prompts) if row.prompts else None

    def _label(self, prompts: Prompts) -> str:
        known = self._labels.get(prompts)
        if known is None:
            known = self._labels[prompts] = " + ".join(f"{name} {version}" for name, version in prompts)
        return known


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else 1000.0 * seconds


def _target(row: TraceRow) -> str:
    """Return the trace name, with the environment unless it is the default."""
    name, environment = row.trace.name or _UNNAMED, row.trace.environment or _DEFAULT
    return name if environment == _DEFAULT else f"{name} ({environment})"


def _score_cell(column: ScoreColumn, row: TraceRow) -> Any:
    found = row.scores.get(column)
    return found[1] if found else None


def _named(columns: set[ScoreColumn], taken: Mapping[str, CellReader]) -> dict[ScoreColumn, str]:
    """Return a unique column name for each score."""
    names = [name for name, _ in columns]

    def called(name: str, source: str) -> str:
        alone = names.count(name) == 1 and name not in taken
        return name if alone else f"{name} ({source.lower()})"

    return {column: called(*column) for column in sorted(columns)}
