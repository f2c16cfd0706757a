"""Which version another one is compared with."""

from collections.abc import Sequence

from analyzer.domain.streams.stream import Stream


def predecessor(stream: Stream, others: Sequence[Stream]) -> Stream | None:
    """The version that was current before `stream`: of those with enough values, the one last in use.

    A version that raised a regression is nobody's standard.
    """
    fit = [other for other in others if other is not stream and other.fit]
    return max(fit, key=lambda other: (other.last, other.started), default=None)
