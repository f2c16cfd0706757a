"""Tasks that go on whatever happens, and their sure end."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from shared.runtime.log import logger

_AGAIN_S = 1.0


def supervise(name: str, job: Callable[[], Awaitable[None]]) -> "asyncio.Task[None]":
    """Runs a job, and again when it fails: a service half dead is worse than a noisy one."""
    return asyncio.create_task(_again_and_again(name, job), name=name)


async def _again_and_again(name: str, job: Callable[[], Awaitable[None]]) -> None:
    while True:
        try:
            await job()
            return
        except Exception:
            logger(__name__).exception("background job failed", job=name)
            await asyncio.sleep(_AGAIN_S)


async def cancel_all(tasks: Iterable["asyncio.Task[None]"]) -> None:
    """Cancels tasks until they have ended: some libraries swallow a cancellation that comes at the wrong time."""
    pending = {task for task in tasks if not task.done()}
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=_AGAIN_S)
