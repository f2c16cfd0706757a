"""What everybody may expect of a clock: one suite, run against the machine's and the fake."""

from collections.abc import Callable
from datetime import UTC, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.runtime.clock import Clock, SystemClock
from shared.testing.clock import FakeClock

steps = st.lists(st.timedeltas(timedelta(0), timedelta(days=30)), max_size=20)


def leave_alone(_: Clock, __: timedelta) -> None:
    """The machine's time passes by itself."""


def push(clock: Clock, by: timedelta) -> None:
    assert isinstance(clock, FakeClock)
    clock.advance(by)


@pytest.mark.parametrize(("make", "wait"), [(SystemClock, leave_alone), (FakeClock, push)])
@given(steps=steps)
def test_moments_are_aware_utc_and_never_go_back(
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
def test_the_fake_moves_by_what_it_is_told_and_stands_still_between(steps: list[timedelta]) -> None:
    clock = FakeClock()
    start = clock.now()
    for step in steps:
        clock.advance(step)
    assert clock.now() == clock.now() == start + sum(steps, timedelta(0))
