"""The next step of a bisection, replayed from the probes that are completed: any instance can take it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ratchet_evaluation.domain.bisection import BisectionResult, Hunks, bisect_hunks
from ratchet_evaluation.domain.statistics.comparison import ComparisonResult
from ratchet_evaluation.domain.statistics.wealth import MeanInterval

ProbeKey = tuple[Hunks, int]
"""The changes of a probe, and the most independent cases that it may use."""


@dataclass(frozen=True, slots=True)
class NextProbe:
    """A probe that has to be run before the bisection can go on."""

    hunks: Hunks
    clusters: int


class _UnknownProbe(Exception):
    def __init__(self, hunks: Hunks, clusters: int) -> None:
        super().__init__()
        self.next = NextProbe(hunks, clusters)


def next_step(
    count: int, completed: Mapping[ProbeKey, ComparisonResult], clusters: int, margin: float
) -> NextProbe | BisectionResult:
    """Return the next probe of `count` changes, or the result if none is needed. The same probes give the same step."""

    def probe(hunks: Hunks, limit: int) -> ComparisonResult:
        found = completed.get((hunks, limit))
        if found is None:
            raise _UnknownProbe(hunks, limit)
        return found

    try:
        return bisect_hunks(count, probe, clusters, margin)
    except _UnknownProbe as unknown:
        return unknown.next


def comparison_to_json(result: ComparisonResult) -> dict[str, Any]:
    """Return the JSON form of a comparison."""
    return asdict(result)


def comparison_from_json(stored: Mapping[str, Any]) -> ComparisonResult:
    """Return a stored comparison."""
    return ComparisonResult(**{**stored, "difference": MeanInterval(**stored["difference"])})
