"""Starts of calls: ends minus latencies, relative to the earliest one, and unknown without a latency."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.domain.trace_times import CallTime, call_starts, earliest_start

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
LATENCIES = st.integers(0, 10_000).map(float)
CALLS = st.lists(
    st.builds(CallTime, st.integers(0, 10_000).map(lambda ms: NOON + timedelta(milliseconds=ms)), LATENCIES | st.none())
)


def ended(ms: float, latency_ms: float | None) -> CallTime:
    return CallTime(NOON + timedelta(milliseconds=ms), latency_ms)


def test_parent_that_ends_last_starts_first() -> None:
    calls = [ended(0, 40), ended(30, 20), ended(30.032, 90.032)]
    assert [each.offset_ms for each in call_starts(calls)] == [20.0, 70.0, 0.0]
    assert earliest_start(calls) == NOON - timedelta(milliseconds=60)


def test_start_without_latency_is_unknown_but_has_an_order() -> None:
    first, second = call_starts([ended(0, None), ended(30, 50)])
    assert (first.offset_ms, second.offset_ms) == (None, 0.0)
    assert second.order < first.order
    assert earliest_start([ended(0, None)]) is None
    assert (call_starts([]), earliest_start([])) == ([], None)


@pytest.mark.parametrize("latency", [1e15, 1e300])
def test_absurd_latency_is_no_error(latency: float) -> None:
    calls = [ended(0, latency), ended(5, 5)]
    assert [each.offset_ms for each in call_starts(calls)] == [0.0, latency]
    assert earliest_start(calls) is None


@given(CALLS)
def test_offsets_are_distances_of_known_starts(calls: list[CallTime]) -> None:
    starts, first = call_starts(calls), earliest_start(calls)
    for call, start in zip(calls, starts, strict=True):
        assert (start.offset_ms is None) == (call.latency_ms is None)
        if start.offset_ms is not None and call.latency_ms is not None:
            assert first is not None
            began = call.ended_at - timedelta(milliseconds=call.latency_ms)
            assert start.offset_ms == pytest.approx((began - first).total_seconds() * 1000, abs=0.001)
    known = [start.offset_ms for start in starts if start.offset_ms is not None]
    assert not known or min(known) == 0.0
