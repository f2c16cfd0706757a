"""Stretches of values that can be folded at once."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain

from analyzer.domain.engine import QualityEngine
from analyzer.domain.model import PromptMetric, StreamKey
from analyzer.domain.regressions.lifecycle import Regression
from analyzer.domain.segments.dimensions import Cell
from analyzer.domain.streams.stream import Stream
from analyzer.domain.value_columns import ValueColumns


@dataclass(slots=True)
class StretchFinder:
    """Finds stretches of new values that change no baseline, restart no evidence, and are adjusted alike by segment.

    Corrections, values of streams that are new, values before `Stream.after` and tests against an agreed rate are in no
    stretch. Whether a test is significant cannot be known beforehand.
    """

    engine: QualityEngine
    columns: ValueColumns
    _corrected: list[int] = field(init=False)
    _keys: dict[int, tuple[StreamKey, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._corrected = sorted(self.columns.corrections)

    def undecided_until(self, start: int, limit: int) -> int:
        """Return the end, at most `limit`, of the stretch that begins at `start`."""
        columns = self.columns
        corrected = bisect_left(self._corrected, start)
        if corrected < len(self._corrected):
            limit = min(limit, self._corrected[corrected])
        last = self.engine.regressions.get(columns.dimension.subject)
        if last is not None and not last.comparable(columns.metric):
            if last.open:
                return start
            last = None
        group = columns.group[start:limit]
        numbers = dict.fromkeys(group)
        for number in numbers:
            if not all(self._regular(key, last) for key in self.keys_of(number)):
                limit = start + group.index(number)
                break
        after = max((stream.after for stream in self._streams(columns.group[start:limit])), default=0.0)
        if after > 0.0:
            limit = next((index for index in range(start, limit) if columns.at[index] < after), limit)
        return self._fixed_until(start, limit)

    def _regular(self, key: StreamKey, last: Regression | None) -> bool:
        """Return whether the next values of a stream change neither its baseline nor where its evidence starts."""
        stream = self.engine.streams.get(key)
        if stream is None or stream.monitor.kind == "rare":
            return False
        if last is not None and not last.open and stream.cleared != last.name:
            return False
        if not stream.accepts_baseline:
            return True
        return len(self.engine.by_prompt_metric[key.prompt_metric]) == 1 and not (last is not None and last.open)

    def _fixed_until(self, start: int, limit: int) -> int:
        """Return the index up to which the shifts of all streams that are compared with themselves stay as they are."""
        for stream, indices in self.split(start, limit):
            if stream.baseline is None and indices:
                numbers = [self.columns.group[index] for index in indices]
                fixed = stream.profile.fixed_for(numbers, self.cells(numbers))
                if fixed < len(indices):
                    limit = min(limit, indices[fixed - 1] + 1)
        return limit

    def _streams(self, numbers: Iterable[int]) -> list[Stream]:
        keys = dict.fromkeys(key for number in dict.fromkeys(numbers) for key in self.keys_of(number))
        return [self.engine.streams[key] for key in keys]

    def split(self, start: int, stop: int) -> list[tuple[Stream, Sequence[int]]]:
        """Return the indices of the values of each stream, in order."""
        group = self.columns.group[start:stop]
        numbers = {number: self.keys_of(number) for number in dict.fromkeys(group)}
        keys = dict.fromkeys(chain.from_iterable(numbers.values()))
        if all(len(each) == len(keys) for each in numbers.values()):
            return [(self.engine.streams[key], range(start, stop)) for key in keys]
        found: list[tuple[Stream, Sequence[int]]] = []
        for key in keys:
            own = {number for number, each in numbers.items() if key in each}
            found.append((self.engine.streams[key], [at for at, number in enumerate(group, start) if number in own]))
        return found

    def keys_of(self, number: int) -> tuple[StreamKey, ...]:
        keys = self._keys.get(number)
        if keys is None:
            dimension, uses = self.columns.dimension, self.columns.groups[number].uses
            keys = tuple(StreamKey(PromptMetric(dimension, use.prompt), use.identity) for use in uses)
            self._keys[number] = keys
        return keys

    def cells(self, numbers: Sequence[int]) -> dict[int, Cell]:
        return {number: self.columns.groups[number].cell for number in dict.fromkeys(numbers)}
