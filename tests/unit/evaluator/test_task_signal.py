"""What ends the wait of a request for tasks."""

import asyncio

import pytest

from evaluator.task_signal import TaskSignal


@pytest.mark.parametrize("end", ["notification", "disconnection", "time-out"])
async def test_a_wait_ends(end: str) -> None:
    signal = TaskSignal()
    gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    waiting = asyncio.create_task(signal.wait(0.01 if end == "time-out" else 60.0, gone))
    await asyncio.sleep(0)
    if end == "notification":
        signal.notify()
    elif end == "disconnection":
        gone.set_result(None)
    async with asyncio.timeout(60):
        await waiting
    assert gone.done() is (end == "disconnection")
