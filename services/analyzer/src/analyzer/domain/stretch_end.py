"""Where a stretch of values ends: at the first value that may open a regression."""

from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter

from analyzer.domain.streams.stream import Stream
from analyzer.domain.streams.stream_run import StreamRun

IndexedRun = tuple[StreamRun, Sequence[int]]
"""A run, and the indices of its values in the columns."""


@dataclass(frozen=True, slots=True)
class StretchEnd:
    """How far a stretch goes, and the streams that its last value may open a regression of."""

    stop: int
    streams: Sequence[Stream] = ()
    unsafe: bool = False


def close_blocks(runs: Sequence[IndexedRun], stop: int, deciding: list[Stream] | None = None) -> int:
    """Run the tests with each complete block, in the order of the values before `stop`.

    With `deciding`, end with the first value that makes a drop of at least the floor significant, and add the streams
    of which. Return the index after the last value.
    """
    blocks = [(indices[index], run.stream, block) for run, indices in runs for index, block in run.blocks]
    if len(runs) > 1:
        blocks.sort(key=itemgetter(0))
    for index, stream, block in blocks:
        if index >= stop:
            break
        if stream.monitor.close(block) and deciding is not None and stream.monitor.regressed:
            deciding.append(stream)
            stop = index + 1
    return stop
