"""When a stream had how many values: constant size, and the more exact the later."""

from dataclasses import dataclass, field
from typing import Any

EVERY = 5
MOST = 160
NEAR = 8
"""Marks lie at most an eighth of their age apart: closer than the points that a drop can be dated at."""


@dataclass(slots=True)
class TimeIndex:
    """Pairs (values so far, Unix time of the next one), the first and the latest among them.

    Of a million values at most 160 are kept; each tenfold past adds some 25.
    """

    kept: list[tuple[int, float]] = field(default_factory=list)

    def add(self, n: int, at: float) -> None:
        """Notes that value number `n` (from 0 on) ran at `at`; only each fifth is kept."""
        if n % EVERY:
            return
        if len(self.kept) >= MOST:
            self._thin()
        self.kept.append((n, at))

    def _thin(self) -> None:
        """From the latest to the first, leaves out what the next one makes up for."""
        newest, (first, *rest) = self.kept[-1][0], self.kept
        thinned = [rest.pop()]
        while rest:
            mark = rest.pop()
            older, newer = (rest[-1] if rest else first)[0], thinned[-1][0]
            if newer - older > max(EVERY, (newest - newer) / NEAR):
                thinned.append(mark)
        self.kept = [first, *reversed(thinned)]

    def before(self, n: int) -> float:
        """The time of the last mark at or before value `n`; of the first one, if that is later."""
        return max((at for count, at in self.kept if count <= n), default=self.kept[0][1])

    def after(self, n: int) -> float:
        """The time of the first mark at or after value `n`; of the last one, if that is earlier."""
        return next((at for count, at in self.kept if count >= n), self.kept[-1][1])

    def dump(self) -> list[Any]:
        return [[n, at] for n, at in self.kept]

    @classmethod
    def load(cls, state: list[Any]) -> "TimeIndex":
        """The marks that `dump` wrote."""
        return cls([(n, at) for n, at in state])
