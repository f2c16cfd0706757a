"""Choice of the version that another one is compared with."""

from collections.abc import Sequence

from analyzer.domain.streams.stream import Stream


def predecessor(stream: Stream, others: Sequence[Stream]) -> Stream | None:
    """Return the version in use before `stream`: of those with enough values, the one used last.

    A version with a regression is never a baseline.
    """
    candidates = [other for other in others if other is not stream and other.can_be_baseline]
    return max(candidates, key=lambda other: (other.last, other.started), default=None)
