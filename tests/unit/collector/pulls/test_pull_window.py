"""Which time a pull reads next."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from collector.domain.pulls.pull_window import PullSchedule, Slice

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
SCHEDULE = PullSchedule(window=168 * HOUR, overlap=HOUR, lag=10 * MINUTE)


def test_first_run_reads_the_window_in_slices_without_gaps() -> None:
    slices = list(SCHEDULE.slices(None, NOW))
    assert (slices[0].start, slices[-1].end) == (NOW - 168 * HOUR, NOW - 10 * MINUTE)
    assert all(one.end == following.start for one, following in pairwise(slices))
    assert max(one.end - one.start for one in slices) == 6 * HOUR


def test_old_slices_are_final_and_young_ones_are_read_again() -> None:
    assert SCHEDULE.position_after(Slice(NOW - 9 * HOUR, NOW - 3 * HOUR), NOW) == NOW - 3 * HOUR
    assert SCHEDULE.position_after(Slice(NOW - 3 * HOUR, NOW - 10 * MINUTE), NOW) == NOW - 70 * MINUTE


def test_position_never_goes_back_and_every_time_is_read_late_enough() -> None:
    """Whatever the waits between runs, each minute is read once more after the lag and the overlap have passed."""
    position, now = None, NOW
    final: dict[datetime, datetime] = {}
    for wait in (5, 5, 300, 5, 61, 10_000, 5, 100):
        for part in SCHEDULE.slices(position, now):
            for minute in range(int((part.end - part.start) / MINUTE)):
                final[part.start + minute * MINUTE] = now
            after = SCHEDULE.position_after(part, now)
            assert position is None or after >= position
            position = after
        now += wait * MINUTE
    settled = {minute: read for minute, read in final.items() if position is not None and minute < position}
    assert len(settled) > 10_000
    assert all(read - minute >= 70 * MINUTE for minute, read in settled.items())


def test_what_is_older_than_the_window_is_left_out() -> None:
    first = next(iter(SCHEDULE.slices(NOW - 900 * HOUR, NOW)))
    assert first.start == NOW - 168 * HOUR


def test_nothing_is_read_before_the_lag_has_passed() -> None:
    assert list(SCHEDULE.slices(NOW - 10 * MINUTE, NOW)) == []
    assert list(SCHEDULE.slices(NOW + HOUR, NOW)) == []


def test_slice_is_halved_down_to_a_minute() -> None:
    part = Slice(NOW, NOW + 2 * MINUTE)
    assert part.halves() == (Slice(NOW, NOW + MINUTE), Slice(NOW + MINUTE, NOW + 2 * MINUTE))
    assert Slice(NOW, NOW + MINUTE).halves() is None
