"""Ending tasks for sure."""

import asyncio
from collections.abc import Iterable

_AGAIN_S = 1.0


async def end(tasks: Iterable["asyncio.Task[None]"]) -> None:
    """Cancels tasks until they have ended: some libraries swallow a cancellation that comes at the wrong time."""
    pending = {task for task in tasks if not task.done()}
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=_AGAIN_S)
