"""Bounded samples of executions: the worst of a window, and good ones of the whole history."""

from bisect import insort
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

_MOST, _EACH, _SPARSEST = 60, 6, 1024

SampledExecution = tuple[float, float, str]
"""Value, negated Unix time, execution id: worst first, latest first among equals."""


@dataclass(slots=True)
class WorstSample:
    """The `size` executions with the smallest values."""

    size: int
    kept: list[SampledExecution] = field(default_factory=list)

    def may_hold(self, value: float) -> bool:
        """Return False if `add` would ignore an execution with this value."""
        return len(self.kept) < self.size or value <= self.kept[-1][0]

    def add(self, value: float, at: float, execution_id: str) -> None:
        sample = (value, -at, execution_id)
        if len(self.kept) >= self.size:
            if sample >= self.kept[-1]:
                return
            self.kept.pop()
        insort(self.kept, sample)

    def drop(self, execution_id: str) -> None:
        """Remove an execution whose value was removed."""
        self.kept = [sample for sample in self.kept if sample[2] != execution_id]

    def since(self, start: float) -> tuple[str, ...]:
        """Return the executions at or after the Unix time `start`, worst first, without duplicates."""
        return tuple(dict.fromkeys(sample[2] for sample in self.kept if -sample[1] >= start))

    def prune(self, start: float) -> None:
        """Remove executions before the Unix time `start`."""
        self.kept = [sample for sample in self.kept if -sample[1] >= start]


@dataclass(slots=True)
class ThinnedSample:
    """At most 60 executions of the whole history, denser towards the end.

    It keeps the latest six, the latest six of every second one, of every fourth one, and so on up to every 1,024th, so
    executions from before any change are known.
    """

    n: int = 0
    kept: list[tuple[int, float, str]] = field(default_factory=list)

    def add(self, at: float, execution_id: str) -> None:
        """Add an execution that ran at the Unix time `at`."""
        self.n += 1
        if len(self.kept) >= _MOST:
            self.kept = [each for each in self.kept if self.n - each[0] < _EACH * _stride(each[0])]
        self.kept.append((self.n, at, execution_id))

    def add_many(self, at: Sequence[float], execution_id: Callable[[int], str]) -> None:
        """Add executions as `add` does one by one; `execution_id` is called for the index of those that are kept."""
        old = self.kept
        kept = [(number, moment, index - len(old)) for index, (number, moment, _) in enumerate(old)]
        start = 0
        while start < len(at):
            if len(kept) >= _MOST:
                kept = [each for each in kept if self.n + 1 - each[0] < _EACH * _stride(each[0])]
            stop = min(len(at), start + max(_MOST - len(kept), 1))
            kept += zip(count(self.n + 1), at[start:stop], range(start, stop), strict=False)
            self.n += stop - start
            start = stop
        self.kept = [
            old[index] if index < 0 else (number, moment, execution_id(index)) for number, moment, index in kept
        ]

    def drop(self, execution_id: str) -> None:
        """Remove an execution whose value was removed."""
        self.kept = [each for each in self.kept if each[2] != execution_id]

    def before(self, moment: float, most: int) -> tuple[str, ...]:
        """Return at most `most` executions before the Unix time `moment`, latest first, without duplicates."""
        found = sorted(((at, execution_id) for _, at, execution_id in self.kept if at < moment), reverse=True)
        return tuple(dict.fromkeys(execution_id for _, execution_id in found))[:most]

    def dump(self) -> list[Any]:
        return [self.n, self.kept]

    @classmethod
    def load(cls, state: list[Any]) -> "ThinnedSample":
        """Return the sample that `dump` wrote."""
        n, kept = state
        return cls(n, [(number, at, execution_id) for number, at, execution_id in kept])


def _stride(number: int) -> int:
    """Return the largest power of two that divides `number`, at most 1,024."""
    return min(number & -number, _SPARSEST)
