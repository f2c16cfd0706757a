"""Waiting for facts ends with the fact, or tells what was seen last."""

from itertools import count

import pytest

from tests.support.eventually import eventually, eventually_sync


async def test_it_returns_the_first_true_answer() -> None:
    numbers = count()
    assert await eventually(lambda: next(numbers)) == 1


async def test_it_waits_for_async_checks_and_their_assertions() -> None:
    numbers = count()

    async def check() -> bool:
        assert next(numbers) == 3
        return True

    assert await eventually(check)


async def test_it_tells_what_it_saw_last() -> None:
    with pytest.raises(AssertionError, match="not so within 0 s; last: \\[\\]"):
        await eventually(list, within=0)


def test_it_works_without_a_loop() -> None:
    numbers = count()
    assert eventually_sync(lambda: next(numbers)) == 1
    with pytest.raises(AssertionError, match="last: 0"):
        eventually_sync(lambda: 0, within=0)
