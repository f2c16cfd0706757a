"""Waiting ends when the condition holds, or fails with the last result."""

from itertools import count

import pytest

from tests.support.eventually import eventually, eventually_sync


async def test_first_truthy_result_is_returned() -> None:
    numbers = count()
    assert await eventually(lambda: next(numbers)) == 1


async def test_async_checks_and_assertions_are_awaited() -> None:
    numbers = count()

    async def check() -> bool:
        assert next(numbers) == 3
        return True

    assert await eventually(check)


async def test_error_contains_the_last_result() -> None:
    with pytest.raises(AssertionError, match="not so within 0 s; last: \\[\\]"):
        await eventually(list, within=0)


def test_sync_variant_needs_no_event_loop() -> None:
    numbers = count()
    assert eventually_sync(lambda: next(numbers)) == 1
    with pytest.raises(AssertionError, match="last: 0"):
        eventually_sync(lambda: 0, within=0)
