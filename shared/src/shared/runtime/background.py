"""Background tasks: periodic actions, restart after a failure, and reliable cancellation."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from shared.runtime.log import logger

_RETRY_S = 1.0


async def run_every(seconds: float, action: Callable[[], Awaitable[None]]) -> None:
    """Wait `seconds`, then run `action`; repeat until cancelled. Raises what `action` raises: see `supervise`."""
    while True:
        await asyncio.sleep(seconds)
        await action()


def supervise(name: str, job: Callable[[], Awaitable[None]]) -> "asyncio.Task[None]":
    """Start `job` as a task that is restarted one second after each failure, which is logged."""
    return asyncio.create_task(_restart_on_failure(name, job), name=name)


async def _restart_on_failure(name: str, job: Callable[[], Awaitable[None]]) -> None:
    while True:
        try:
            await job()
            return
        except Exception:
            logger(__name__).exception("background job failed; it is restarted", job=name)
            await asyncio.sleep(_RETRY_S)


async def complete(work: Awaitable[None], within: float) -> None:
    """Await `work`; where the caller is cancelled, however often, it has `within` more seconds, then it is cancelled.

    For what leaves something open if it is cancelled, such as the start or stop of a client of aiokafka. Raises what
    `work` raises, and CancelledError after its end.
    """
    task, clock = asyncio.ensure_future(work), asyncio.get_running_loop().time
    cancelled_at: float | None = None
    while not task.done():
        remaining = None if cancelled_at is None else cancelled_at + within - clock()
        if remaining is not None and remaining <= 0.0:
            task.cancel()
        try:
            await asyncio.wait({task}, timeout=remaining if remaining is None else max(remaining, 0.1))
        except asyncio.CancelledError:
            cancelled_at = clock() if cancelled_at is None else cancelled_at
    if cancelled_at is None:
        return task.result()
    if not task.cancelled():
        task.exception()  # retrieved, so that asyncio does not log it
    raise asyncio.CancelledError


async def cancel_all(tasks: Iterable["asyncio.Task[None]"], every: float = _RETRY_S) -> None:
    """Cancel `tasks` each `every` seconds until all have ended: some libraries swallow a single cancellation."""
    pending = {task for task in tasks if not task.done()}
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=every)
