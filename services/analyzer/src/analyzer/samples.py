"""The worst executions of a window: a bounded sample that doesn't depend on order."""

from bisect import insort
from dataclasses import dataclass, field

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
