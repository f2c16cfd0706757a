"""When the calls of a trace started, from the times at which they ended and their latencies. Pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple


class CallTime(NamedTuple):
    """When a call ended, and how many milliseconds it took; None if that is unknown."""

    ended_at: datetime
    latency_ms: float | None


class CallStart(NamedTuple):
    """`offset_ms`: from the earliest start of the trace, None if unknown. `order`: what siblings are sorted by."""

    offset_ms: float | None
    order: float


def call_starts(calls: Sequence[CallTime]) -> list[CallStart]:
    """Return the start of each call, in milliseconds; the end stands in for an unknown one in `order` only."""
    ends = [(call.ended_at - calls[0].ended_at).total_seconds() * 1000 for call in calls]
    starts = [None if call.latency_ms is None else end - call.latency_ms for call, end in zip(calls, ends, strict=True)]
    earliest = min((start for start in starts if start is not None), default=0.0)
    return [
        CallStart(None, end) if start is None else CallStart(round(start - earliest, 3), start)
        for start, end in zip(starts, ends, strict=True)
    ]


def earliest_start(calls: Sequence[CallTime]) -> datetime | None:
    """Return the earliest known start; None if no latency is known, or if it is before the year 1."""
    try:
        return min(
            (call.ended_at - timedelta(milliseconds=call.latency_ms) for call in calls if call.latency_ms is not None),
            default=None,
        )
    except OverflowError:
        return None
