"""Figures that change with time alone: rates of the last minute, and the age of what waits to be sent."""

import time
from collections import Counter
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)

_SPAN_S = 5.0
_SPANS = 12
_MIN_ELAPSED_S = _SPAN_S


class RateCounter(Generic[K]):
    """Counts by name, and their rates over the last minute, from twelve sums of five seconds each."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.totals: Counter[K] = Counter()
        self._clock = clock
        self._started = clock()
        self._spans: dict[int, Counter[K]] = {}

    def add(self, name: K, number: int) -> None:
        """Add `number` to the count of `name` at the current time."""
        self.totals[name] += number
        span = int(self._clock() / _SPAN_S)
        if span not in self._spans:
            self._spans = {at: counts for at, counts in self._spans.items() if at > span - _SPANS}
            self._spans[span] = Counter()
        self._spans[span][name] += number

    def per_second(self, name: K) -> float | None:
        """Return the rate over the last 55 to 60 s, or since the start if later; None in the first five seconds."""
        now = self._clock()
        first = int(now / _SPAN_S) - _SPANS + 1
        elapsed = now - max(self._started, first * _SPAN_S)
        if elapsed < _MIN_ELAPSED_S:
            return None
        return sum(counts[name] for at, counts in self._spans.items() if at >= first) / elapsed


class Backlog:
    """The age of the oldest waiting message; it grows with time between measurements.

    `set_aside`: the number of outbox rows that the relay cannot read.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._since: float | None = None
        self.set_aside = 0

    def observe(self, age: float | None) -> None:
        """Record a measurement: the age in seconds, or None if no message waits."""
        self._since = None if age is None else self._clock() - age

    def age(self) -> float:
        """Return the age of the oldest waiting message in seconds; 0 if none waits."""
        return 0.0 if self._since is None else self._clock() - self._since
