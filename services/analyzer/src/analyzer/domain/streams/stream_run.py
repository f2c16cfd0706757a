"""New values of one stream, folded into its state at once; the state is the same as after one by one."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from analyzer.domain.detection.running_stats import Block
from analyzer.domain.segments.dimensions import Cell
from analyzer.domain.streams.samples import INDEXED_EVERY
from analyzer.domain.streams.stream import Stream
from analyzer.domain.streams.sums import to_micros


@dataclass(slots=True)
class StreamRun:
    """Successive new values of a stream while its baseline and the shifts of its segments stay as they are.

    `cells` has the cell of each number in `numbers`. `compared`: values adjusted by segment. `first`: number of
    values that the monitor had before. First close the blocks in `blocks`, then call `fold`, then `count`.
    """

    stream: Stream
    cells: Mapping[int, Cell]
    numbers: Sequence[int]
    values: Sequence[float]
    compared: list[float] = field(init=False)
    blocks: list[tuple[int, Block]] = field(init=False)
    first: int = field(init=False)

    def __post_init__(self) -> None:
        stream = self.stream
        profile = stream.baseline.profile if stream.baseline else stream.profile
        shifts = profile.shifts(self.cells)
        self.compared = [value + shifts[number] for value, number in zip(self.values, self.numbers, strict=True)]
        self.blocks = stream.monitor.complete(self.compared)
        self.first = stream.monitor.n

    def fold(
        self,
        micros: Sequence[int],
        at: Sequence[float],
        dimension_means: Sequence[float],
        execution_id: Callable[[int], str],
    ) -> None:
        """Fold as many values as there are `micros`, whose blocks are closed, into all but the counts.

        `dimension_means`: that of the dimension after each value. `execution_id` is called with indices of samples.
        """
        stream, n = self.stream, len(micros)
        compared = self.compared[:n]
        stream.profile.learn_many(self.numbers[:n], self.cells, micros)
        stream.monitor.keep(compared)
        for index in range(-self.first % INDEXED_EVERY, n, INDEXED_EVERY):
            stream.time_index.add(self.first + index, at[index])
        before = stream.sums.means_before(micros)
        bad = [
            index
            for index, (value, mean, own) in enumerate(zip(self.values, dimension_means, before, strict=False))
            if value < mean or value < own
        ]
        self._sample(bad, to_micros(compared), at, execution_id)

    def _sample(
        self, bad: Sequence[int], micros: Sequence[int], at: Sequence[float], execution_id: Callable[[int], str]
    ) -> None:
        """Add the values to the window, and the bad ones to the worst of the window, in their order."""
        window, worst, next_bad = self.stream.window, self.stream.worst, 0
        start = 0
        while start < len(micros):
            if window.make_room(at[start]):
                worst.prune(window.start)
            stop = window.add_micros(micros, at, start)
            while next_bad < len(bad) and bad[next_bad] < stop:
                index = bad[next_bad]
                value = self.values[index]
                if worst.may_hold(value):
                    worst.add(value, at[index], execution_id(index))
                next_bad += 1
            start = stop
