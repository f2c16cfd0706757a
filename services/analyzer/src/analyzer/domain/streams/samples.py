"""Bounded samples of executions: the worst of a window, and good ones from all of the past."""

from bisect import insort
from dataclasses import dataclass, field
from typing import Any

_MOST, _EACH, _SPARSEST = 60, 6, 1024

Sample = tuple[float, float, str]
"""Value, negated Unix time, execution id: worst first, of equals the latest first."""


@dataclass(slots=True)
class Worst:
    """At most `size` executions with the smallest values."""

    size: int
    kept: list[Sample] = field(default_factory=list)

    def add(self, value: float, at: float, execution_id: str) -> None:
        sample = (value, -at, execution_id)
        if len(self.kept) >= self.size:
            if sample >= self.kept[-1]:
                return
            self.kept.pop()
        insort(self.kept, sample)

    def drop(self, execution_id: str) -> None:
        """Forgets an execution: its value was taken back."""
        self.kept = [sample for sample in self.kept if sample[2] != execution_id]

    def since(self, start: float) -> tuple[str, ...]:
        """The executions that ran at or after `start`, worst first, each once."""
        return tuple(dict.fromkeys(sample[2] for sample in self.kept if -sample[1] >= start))

    def prune(self, start: float) -> None:
        """Forgets what ran before `start`, so that it takes nobody's place."""
        self.kept = [sample for sample in self.kept if -sample[1] >= start]


@dataclass(slots=True)
class Thinned:
    """At most 60 executions out of all of the past, the denser the later.

    Of all the latest six; of each second one the latest six; of each fourth; and so on, up to each 1,024th. So whenever
    something turns out to have changed, some are known from before it.
    """

    n: int = 0
    kept: list[tuple[int, float, str]] = field(default_factory=list)

    def add(self, at: float, execution_id: str) -> None:
        """Takes an execution that ran at the Unix time `at`."""
        self.n += 1
        if len(self.kept) >= _MOST:
            self.kept = [each for each in self.kept if self.n - each[0] < _EACH * _stride(each[0])]
        self.kept.append((self.n, at, execution_id))

    def drop(self, execution_id: str) -> None:
        """Forgets an execution: its value was taken back."""
        self.kept = [each for each in self.kept if each[2] != execution_id]

    def before(self, moment: float, most: int) -> tuple[str, ...]:
        """The latest executions that ran before the Unix time `moment`, the latest first, each once."""
        found = sorted(((at, execution_id) for _, at, execution_id in self.kept if at < moment), reverse=True)
        return tuple(dict.fromkeys(execution_id for _, execution_id in found))[:most]

    def dump(self) -> list[Any]:
        return [self.n, self.kept]

    @classmethod
    def load(cls, state: list[Any]) -> "Thinned":
        """The sample that `dump` wrote."""
        n, kept = state
        return cls(n, [(number, at, execution_id) for number, at, execution_id in kept])


def _stride(number: int) -> int:
    """The largest power of two that divides `number`, 1,024 at most."""
    return min(number & -number, _SPARSEST)
