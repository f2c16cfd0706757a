"""What is known of an archived day without its files: counts per target, and per version of a prompt. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date
from typing import Any

ALL_VERSIONS = ""
"""Stands for all executions of a target, with and without a known version."""
_Key = tuple[str, str, str, date, str]


@dataclass(slots=True)
class _Sums:
    """`cost` is that in US dollars."""

    executions: int = 0
    errors: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost: float = 0.0

    def add(self, row: Mapping[str, Any]) -> None:
        self.executions += 1
        self.errors += row["outcome"] not in (None, "ok")
        self.input_tokens += row["input_tokens"] or 0
        self.output_tokens += row["output_tokens"] or 0
        if row["currency"] is None:
            self.cost += row["cost"] or 0.0


class DayCounts:
    """Counts of executions by project, environment, target, day of the execution in UTC, and version."""

    def __init__(self) -> None:
        self._sums: dict[_Key, _Sums] = {}

    def add(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Count rows of the execution log."""
        for row in rows:
            day = row["occurred_at"].astimezone(UTC).date()
            for version in (ALL_VERSIONS, *row["versions"]):
                key = (row["project"], row["environment"], row["target"], day, version)
                self._sums.setdefault(key, _Sums()).add(row)

    def columns(self) -> list[list[Any]]:
        """Return the counts as columns, rows sorted by their keys."""
        rows = [
            (*key, sums.executions, sums.errors, sums.input_tokens, sums.output_tokens, sums.cost)
            for key, sums in sorted(self._sums.items())
        ]
        return [list(column) for column in zip(*rows, strict=True)]
