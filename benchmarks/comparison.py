"""Comparison of processor time and of executed instructions per item between two commits (pure)."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

from benchmarks.rows import INSTRUCTIONS_UNIT, Row

TOLERANCE = 0.10
INSTRUCTIONS = "instructions"

Verdict = Literal["slower", "faster", "same"]


@dataclass(frozen=True, slots=True)
class Comparison:
    """One figure per item and run of each side.

    `part` is "process" or "PostgreSQL" for processor seconds, and `INSTRUCTIONS` for a number that is the same on a
    busy machine.
    """

    work: str
    part: str
    before: Sequence[float]
    after: Sequence[float]

    @property
    def ratio(self) -> float:
        """Median after / median before."""
        return median(self.after) / median(self.before)

    def verdict(self, tolerance: float = TOLERANCE) -> Verdict:
        """Return how `after` differs: by more than `tolerance`, and by more than the runs of one side do.

        The second condition is that the ranges of both sides don't overlap.
        """
        if self.ratio > 1 + tolerance and min(self.after) > max(self.before):
            return "slower"
        if self.ratio < 1 - tolerance and max(self.after) < min(self.before):
            return "faster"
        return "same"


def compare_runs(before: Iterable[Iterable[Row]], after: Iterable[Iterable[Row]]) -> list[Comparison]:
    """Return a comparison for each part that both sides measured, in the order of `after`."""
    old, new = _figures(before), _figures(after)
    return [Comparison(*key, old[key], figures) for key, figures in new.items() if key in old]


def missing_work(before: Iterable[Iterable[Row]], after: Iterable[Iterable[Row]]) -> list[str]:
    """Return the work whose figures only one side measured: it can't be compared."""
    old, new = ({work for work, _ in _figures(runs)} for runs in (before, after))
    return sorted(old ^ new)


def _figures(runs: Iterable[Iterable[Row]]) -> dict[tuple[str, str], list[float]]:
    found: dict[tuple[str, str], list[float]] = defaultdict(list)
    for run in runs:
        for row in run:
            counted = row.ours if row.unit == INSTRUCTIONS_UNIT else None
            for part, figure in (("process", row.process_s), ("PostgreSQL", row.postgres_s), (INSTRUCTIONS, counted)):
                if figure:
                    found[row.work, part].append(figure)
    return found
