"""What a stream keeps of its values in bounded size: the latest ones, samples of executions, times by count."""

from bisect import insort
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from analyzer.domain.streams.sums import Sums

BLOCK = 25
BLOCKS = 8
"""The window holds the last 176 to 200 values, or all of them while there are fewer."""


@dataclass(slots=True)
class ValueBlock:
    """At most 25 values in order of receipt; `start` is the Unix time of the first execution."""

    sums: Sums
    start: float
    filled: int = 0

    def dump(self) -> list[Any]:
        return [*self.sums.dump(), self.start, self.filled]


@dataclass(slots=True)
class RecentValues:
    """The latest 8 blocks of values."""

    blocks: list[ValueBlock] = field(default_factory=list)

    def add(self, value: float, at: float) -> bool:
        """Add a value of an execution at the Unix time `at`; return whether the oldest block was removed."""
        removed = self.make_room(at)
        block = self.blocks[-1]
        block.sums.add(value)
        block.filled += 1
        block.start = min(block.start, at)
        return removed

    def make_room(self, at: float) -> bool:
        """Start a block if the latest one is full; return whether the oldest block was removed."""
        return (not self.blocks or self.blocks[-1].filled >= BLOCK) and self._open(at)

    def add_micros(self, micros: Sequence[int], at: Sequence[float], start: int) -> int:
        """Add values (as `Sums` counts them) from `start` on to the latest block until it is full; return the end."""
        block = self.blocks[-1]
        stop = min(len(micros), start + BLOCK - block.filled)
        block.sums.add_micros(micros[start:stop])
        block.filled += stop - start
        block.start = min(block.start, *at[start:stop])
        return stop

    def correct(self, former: float | None, value: float | None, at: float) -> None:
        """Replace `former` by `value`, if its execution is within the window."""
        if not self.blocks or at < self.start:
            return
        self.blocks[-1].sums.replace(former, value)

    def _open(self, at: float) -> bool:
        full = len(self.blocks) == BLOCKS
        if full:
            del self.blocks[0]
        self.blocks.append(ValueBlock(Sums(), at))
        return full

    @property
    def sums(self) -> Sums:
        """The sums of the window's values."""
        total = Sums()
        for block in self.blocks:
            total.merge(block.sums)
        return total

    @property
    def start(self) -> float:
        return min(block.start for block in self.blocks)

    def dump(self) -> list[Any]:
        return [block.dump() for block in self.blocks]

    @classmethod
    def load(cls, state: list[Any]) -> "RecentValues":
        """Return the values that `dump` wrote."""
        return cls([ValueBlock(Sums(*block[:3]), *block[3:]) for block in state])


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


INDEXED_EVERY = 5
INDEXED = 160
NEAR = 8
"""Entries are at most an eighth of their age apart: closer than the candidates for the start of a drop."""


@dataclass(slots=True)
class TimeIndex:
    """Pairs (values so far, Unix time of the next one), including the first and the latest; at most 160."""

    kept: list[tuple[int, float]] = field(default_factory=list)

    def add(self, n: int, at: float) -> None:
        """Record that value number `n` (from 0) ran at the Unix time `at`; only every fifth is kept."""
        if n % INDEXED_EVERY:
            return
        if len(self.kept) >= INDEXED:
            self._thin()
        self.kept.append((n, at))

    def _thin(self) -> None:
        """Remove entries that are closer than an eighth of their age."""
        newest, (first, *rest) = self.kept[-1][0], self.kept
        thinned = [rest.pop()]
        while rest:
            entry = rest.pop()
            older, newer = (rest[-1] if rest else first)[0], thinned[-1][0]
            if newer - older > max(INDEXED_EVERY, (newest - newer) / NEAR):
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
