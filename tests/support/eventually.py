"""Waiting for conditions, with a deadline, instead of sleeping for a fixed time."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar, overload

T = TypeVar("T")
PATIENCE_S = 60.0
"""Deadline of one step, such as a request to a server: long enough for a busy machine."""
_FIRST_PAUSE_S = 0.01
_LONGEST_PAUSE_S = 0.2


class _Wait:
    """The state of a wait: the deadline, and the last result of the check."""

    def __init__(self, within: float) -> None:
        self.within = within
        self.deadline = time.monotonic() + within
        self.last: object = None
        self._pause = _FIRST_PAUSE_S

    def next_pause(self) -> float:
        """Return the seconds until the next check; they grow, so that polling takes little processor time."""
        pause, self._pause = self._pause, min(self._pause * 1.3, _LONGEST_PAUSE_S)
        return pause

    def check_deadline(self, result: object) -> None:
        """Raise AssertionError with the last result once the deadline has passed."""
        self.last = result
        if time.monotonic() > self.deadline:
            cause = result if isinstance(result, BaseException) else None
            raise AssertionError(f"not so within {self.within:g} s; last: {result!r}") from cause


@overload
async def eventually(check: Callable[[], Awaitable[T]], within: float = PATIENCE_S) -> T: ...
@overload
async def eventually(check: Callable[[], T], within: float = PATIENCE_S) -> T: ...
async def eventually(check: Callable[[], object], within: float = PATIENCE_S) -> object:
    """Return the first truthy result of `check`, which may be async and may raise AssertionError until it holds.

    Raises:
    AssertionError: no such result within `within` seconds; it contains the last one.
    """
    wait = _Wait(within)
    while True:
        try:
            answer = check()
            found = await answer if inspect.isawaitable(answer) else answer
            if found:
                return found
            wait.check_deadline(found)
        except AssertionError as error:
            wait.check_deadline(error)
        await asyncio.sleep(wait.next_pause())


def eventually_sync(check: Callable[[], T], within: float = PATIENCE_S) -> T:
    """Do the same as `eventually` in tests without an event loop."""
    wait = _Wait(within)
    while True:
        try:
            found = check()
            if found:
                return found
            wait.check_deadline(found)
        except AssertionError as error:
            wait.check_deadline(error)
        time.sleep(wait.next_pause())
