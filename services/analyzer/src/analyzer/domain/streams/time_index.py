"""Sparse index from value count to time: constant size, denser towards the end."""

from dataclasses import dataclass, field
from typing import Any

EVERY = 5
MOST = 160
NEAR = 8
"""Entries are at most an eighth of their age apart: closer than the candidates for the start of a drop."""


@dataclass(slots=True)
class TimeIndex:
    """Pairs (values so far, Unix time of the next one), including the first and the latest; at most 160."""

    kept: list[tuple[int, float]] = field(default_factory=list)

    def add(self, n: int, at: float) -> None:
        """Record that value number `n` (from 0) ran at the Unix time `at`; only every fifth is kept."""
        if n % EVERY:
            return
        if len(self.kept) >= MOST:
            self._thin()
        self.kept.append((n, at))

    def _thin(self) -> None:
        """Remove entries that are closer than an eighth of their age."""
        newest, (first, *rest) = self.kept[-1][0], self.kept
        thinned = [rest.pop()]
        while rest:
            entry = rest.pop()
            older, newer = (rest[-1] if rest else first)[0], thinned[-1][0]
            if newer - older > max(EVERY, (newest - newer) / NEAR):
                thinned.append(entry)
        self.kept = [first, *reversed(thinned)]

    def before(self, n: int) -> float:
        """Return the time of the last entry at or before value `n`, or of the first entry."""
        return max((at for count, at in self.kept if count <= n), default=self.kept[0][1])

    def after(self, n: int) -> float:
        """Return the time of the first entry at or after value `n`, or of the last entry."""
        return next((at for count, at in self.kept if count >= n), self.kept[-1][1])

    def dump(self) -> list[Any]:
        return [[n, at] for n, at in self.kept]

    @classmethod
    def load(cls, state: list[Any]) -> "TimeIndex":
        """Return the index that `dump` wrote."""
        return cls([(n, at) for n, at in state])
