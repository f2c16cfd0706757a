"""Sums over the calls of a prompt: tokens, latency and outcomes, by version. Pure."""

from collections.abc import Iterable
from dataclasses import astuple, dataclass, field
from datetime import datetime
from typing import Self

from shared.events.feedback import ExecutionRecorded

CallKey = tuple[str, str, str, str]
"""Project, environment, name of the prompt, and identity of the version."""


@dataclass(frozen=True, slots=True)
class CallSums:
    """Sums over calls.

    `outcomes`, `token_calls` and `timed_calls` are the calls of which outcome, tokens and latency are known.
    """

    calls: int = 0
    outcomes: int = 0
    successes: int = 0
    token_calls: int = 0
    tokens: int = 0
    timed_calls: int = 0
    latency_ms: float = 0.0

    def __add__(self, other: Self) -> "CallSums":
        return CallSums(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))

    def __sub__(self, other: Self) -> "CallSums":
        return CallSums(*(a - b for a, b in zip(astuple(self), astuple(other), strict=True)))

    @property
    def avg_tokens(self) -> float | None:
        """Mean tokens, input and output together, of the calls that sent them; None without any."""
        return self.tokens / self.token_calls if self.token_calls else None

    @property
    def avg_latency_ms(self) -> float | None:
        """Arithmetic mean of the latency in ms; None without any."""
        return self.latency_ms / self.timed_calls if self.timed_calls else None

    @property
    def success_rate(self) -> float | None:
        """Share of the known outcomes that are `ok`; None without any."""
        return self.successes / self.outcomes if self.outcomes else None


def values_of(execution: ExecutionRecorded) -> CallSums:
    """Return what is known of an execution. It is no call yet: calls are counted by their first revision."""
    outcome, tokens, latency = execution.facts.outcome, execution.usage.total, execution.latency_ms
    return CallSums(
        outcomes=int(outcome is not None),
        successes=int(outcome == "ok"),
        token_calls=int(tokens is not None),
        tokens=tokens or 0,
        timed_calls=int(latency is not None),
        latency_ms=latency or 0.0,
    )


@dataclass(slots=True)
class VersionCalls:
    """What a batch adds to one version, and when its executions took place."""

    first_at: datetime
    last_at: datetime
    received_at: datetime
    sums: CallSums = field(default_factory=CallSums)


class AddedCalls:
    """What a batch of executions adds, by version."""

    def __init__(self) -> None:
        self.versions: dict[CallKey, VersionCalls] = {}

    def count_first(self, events: Iterable[ExecutionRecorded]) -> None:
        """Count the executions that are recorded for the first time, not their completions."""
        for event in events:
            if event.revision == 1:
                self.add(event, CallSums(calls=1))

    def add(self, execution: ExecutionRecorded, sums: CallSums) -> None:
        """Add `sums` to each version that `execution` used; once to each."""
        at, received = execution.facts.occurred_at, execution.received_at
        for name, identity in dict.fromkeys((use.name, use.identity) for use in execution.facts.prompts):
            key = (execution.project, execution.environment, name, identity)
            found = self.versions.setdefault(key, VersionCalls(at, at, received))
            found.first_at, found.last_at = min(found.first_at, at), max(found.last_at, at)
            found.received_at = max(found.received_at, received)
            found.sums += sums

    def rows(self) -> list[tuple[object, ...]]:
        """Return a row of each version, sorted by key, so that concurrent writers can't deadlock."""
        return [
            (*key, *astuple(it.sums), it.first_at, it.last_at, it.received_at)
            for key, it in sorted(self.versions.items())
        ]
