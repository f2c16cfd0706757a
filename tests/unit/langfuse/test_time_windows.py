"""Splitting of a time range into windows, and deduplication of items."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from ratchet_langfuse.time_windows import (
    MAX_WINDOWS,
    OVERLAP,
    Deduplicator,
    TimeWindow,
    split_into_windows,
)

START = datetime(2026, 3, 1, tzinfo=UTC)


@given(st.floats(0.001, 400.0))
def test_windows_cover_the_range_without_a_gap(days: float) -> None:
    end = START + timedelta(days=days)
    parts = split_into_windows(START, end)
    assert (parts[0].start, parts[-1].end) == (START, end)
    assert all(late.start == early.end - OVERLAP for early, late in pairwise(parts))
    assert len(parts) <= min(MAX_WINDOWS + 1, -(-timedelta(days=days) // timedelta(days=7)))


def test_empty_range_has_no_windows() -> None:
    assert split_into_windows(START, START - timedelta(minutes=1)) == []


def test_progress_is_by_time_in_any_order() -> None:
    window = TimeWindow(START, START + timedelta(seconds=100))
    begin = START.timestamp()
    assert window.covered(begin, begin + 25) == 0.25
    assert window.covered(begin + 99, begin + 25) == 0.75
    assert window.covered(begin - 900, begin - 800) == 0.0


def test_ids_are_kept_for_one_more_window() -> None:
    fresh = Deduplicator()
    assert [fresh.is_new(name) for name in "aba"] == [True, True, False]
    fresh.next_window()
    assert [fresh.is_new(name) for name in "bcc"] == [False, True, False]
    fresh.next_window()
    assert fresh.is_new("a")
    assert not fresh.is_new("c")
