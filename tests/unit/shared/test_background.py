"""Work that is completed although its caller is cancelled."""

import asyncio

import pytest

from shared.runtime.background import complete


async def test_end_and_error_of_the_work_are_those_of_the_caller() -> None:
    async def fail() -> None:
        raise ValueError("work")

    await complete(asyncio.sleep(0), 60)
    with pytest.raises(ValueError, match="work"):
        await complete(fail(), 60)


@pytest.mark.parametrize("fails", [False, True])
async def test_cancelled_caller_ends_after_the_work(fails: bool) -> None:
    begun, may_end, done = asyncio.Event(), asyncio.Event(), []

    async def work() -> None:
        begun.set()
        await may_end.wait()
        done.append(True)
        if fails:
            raise ValueError

    caller = asyncio.create_task(complete(work(), 60))
    await begun.wait()
    for _ in range(3):
        caller.cancel()
        await asyncio.sleep(0)
        assert not caller.done()
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert done == [True]


async def test_work_is_cancelled_after_its_time() -> None:
    begun = asyncio.Event()
    caller = asyncio.create_task(complete(hang(begun), 0.01))
    await begun.wait()
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller


async def hang(begun: asyncio.Event) -> None:
    begun.set()
    await asyncio.Event().wait()
