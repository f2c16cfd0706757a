"""When a stream had how many values: constant size, and the more exact the later."""

from dataclasses import dataclass, field
from typing import Any

EVERY = 5
MOST = 96


@dataclass(slots=True)
class Marks:
    """Pairs (values so far, Unix time of the next one). When it gets full, every second of the older half goes."""

    kept: list[tuple[int, float]] = field(default_factory=list)

    def add(self, n: int, at: float) -> None:
        """Notes that value number `n` (from 0 on) ran at `at`; only each fifth is kept."""
        if n % EVERY:
            return
        if len(self.kept) >= MOST:
            self.kept = self.kept[: MOST // 2 : 2] + self.kept[MOST // 2 :]
        self.kept.append((n, at))

    def before(self, n: int) -> float:
        """The time of the last mark at or before value `n`; of the first one, if that is later."""
        return max((at for count, at in self.kept if count <= n), default=self.kept[0][1])

    def after(self, n: int) -> float:
        """The time of the first mark at or after value `n`; of the last one, if that is earlier."""
        return next((at for count, at in self.kept if count >= n), self.kept[-1][1])

    def dump(self) -> list[Any]:
        return [[n, at] for n, at in self.kept]

    @classmethod
    def load(cls, state: list[Any]) -> "Marks":
        """The marks that `dump` wrote."""
        return cls([(n, at) for n, at in state])
