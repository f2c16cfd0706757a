"""Which numbers of a sequence the engine's bounded samples and indices keep: it depends on their count only."""

from bisect import bisect_right
from dataclasses import dataclass, field

from analyzer.domain.attribution.timeline import ALIKE, BLOCK, SIZES
from analyzer.domain.streams.samples import INDEXED_EVERY, ThinnedSample, TimeIndex


@dataclass(slots=True)
class ThinnedNumbers:
    """The numbers that a `ThinnedSample` keeps; they are computed once and used for all metrics."""

    _samples: list[ThinnedSample] = field(default_factory=lambda: [ThinnedSample()])
    _counts: list[int] = field(default_factory=lambda: [0])

    def kept(self, count: int) -> list[int]:
        """Return the numbers, from 1, that are kept of `count` executions."""
        while self._counts[-1] + _ROOM <= count:
            self._samples.append(_thinned(self._samples[-1], _ROOM))
            self._counts.append(self._samples[-1].n)
        at = bisect_right(self._counts, count) - 1
        return [number for number, _, _ in _thinned(self._samples[at], count - self._counts[at]).kept]


def _thinned(known: ThinnedSample, more: int) -> ThinnedSample:
    sample = ThinnedSample(known.n, list(known.kept))
    sample.add_many([0.0] * more, lambda index: "")
    return sample


_ROOM = 4096


@dataclass(slots=True)
class IndexedNumbers:
    """The numbers that a `TimeIndex` keeps; they are computed once and used for all streams."""

    _indices: list[TimeIndex] = field(default_factory=lambda: [TimeIndex()])
    _counts: list[int] = field(default_factory=lambda: [0])

    def kept(self, count: int) -> list[int]:
        """Return the numbers, from 0, that are kept of `count` values."""
        step = _ROOM * INDEXED_EVERY
        while self._counts[-1] + step <= count:
            first = self._counts[-1]
            self._indices.append(_indexed(self._indices[-1], first, first + step))
            self._counts.append(first + step)
        at = bisect_right(self._counts, count) - 1
        return [number for number, _ in _indexed(self._indices[at], self._counts[at], count).kept]


def _indexed(known: TimeIndex, first: int, stop: int) -> TimeIndex:
    index = TimeIndex(list(known.kept))
    for number in range(first + -first % INDEXED_EVERY, stop, INDEXED_EVERY):
        index.add(number, 0.0)
    return index


@dataclass(slots=True)
class BlockLayout:
    """The blocks of a `Timeline` that was filled in the order of time: `complete` counts them by size."""

    appended: int = 0
    complete: list[int] = field(default_factory=lambda: [0] * SIZES)

    def advance(self, values: int) -> list[tuple[int, int, int]]:
        """Return size, first value and last value (exclusive) of each block of `values` values, oldest first."""
        complete = self.complete
        for appended in range(self.appended, -(-values // BLOCK)):
            if appended:
                complete[0] += 1
                size = 0
                while complete[size] > ALIKE:
                    if size == SIZES - 1:
                        complete[size] -= 1
                        break
                    complete[size] -= 2
                    complete[size + 1] += 1
                    size += 1
            self.appended = appended + 1
        blocks = []
        start = max(self.appended - 1, 0) * BLOCK
        if values > start:
            blocks.append((0, start, values))
        for size, count in enumerate(complete):
            for _ in range(count):
                blocks.append((size, start - (BLOCK << size), start))
                start -= BLOCK << size
        return blocks[::-1]
