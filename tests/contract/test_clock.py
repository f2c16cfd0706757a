"""The contract of a clock: one suite for the system clock and the fake."""

from collections.abc import Callable
from datetime import UTC, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.runtime.clock import Clock, SystemClock
from shared.testing.clock import FakeClock

steps = st.lists(st.timedeltas(timedelta(0), timedelta(days=30)), max_size=20)


def do_nothing(_: Clock, __: timedelta) -> None:
    """Do nothing: system time passes by itself."""


def advance(clock: Clock, by: timedelta) -> None:
    assert isinstance(clock, FakeClock)
    clock.advance(by)


@pytest.mark.parametrize(("make", "wait"), [(SystemClock, do_nothing), (FakeClock, advance)])
@given(steps=steps)
def test_times_are_aware_utc_and_never_decrease(
    make: Callable[[], Clock], wait: Callable[[Clock, timedelta], None], steps: list[timedelta]
) -> None:
    clock = make()
    moments = [clock.now()]
    for step in steps:
        wait(clock, step)
        moments.append(clock.now())
    assert all(moment.tzinfo is UTC for moment in moments)
    assert all(earlier <= later for earlier, later in pairwise(moments))


@given(steps=steps)
def test_fake_clock_moves_only_when_advanced(steps: list[timedelta]) -> None:
    clock = FakeClock()
    start = clock.now()
    for step in steps:
        clock.advance(step)
    assert clock.now() == clock.now() == start + sum(steps, timedelta(0))
