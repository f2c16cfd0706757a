"""Waiting for facts, with a deadline: tests never sleep for a time that somebody guessed."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar, overload

T = TypeVar("T")
_FIRST_PAUSE_S = 0.01
_LONGEST_PAUSE_S = 0.2


class _Wait:
    """What is known while waiting: the deadline, and what the last check said."""

    def __init__(self, within: float) -> None:
        self.within = within
        self.deadline = time.monotonic() + within
        self.last: object = None
        self._pause = _FIRST_PAUSE_S

    def next_pause(self) -> float:
        """Seconds until the next check; longer each time, so that waiting leaves the processors to what is awaited."""
        pause, self._pause = self._pause, min(self._pause * 1.3, _LONGEST_PAUSE_S)
        return pause

    def go_on(self, said: object) -> None:
        """Raises AssertionError with the last answer once the deadline has passed."""
        self.last = said
        if time.monotonic() > self.deadline:
            cause = said if isinstance(said, BaseException) else None
            raise AssertionError(f"not so within {self.within:g} s; last: {said!r}") from cause


@overload
async def eventually(check: Callable[[], Awaitable[T]], within: float = 60.0) -> T: ...
@overload
async def eventually(check: Callable[[], T], within: float = 60.0) -> T: ...
async def eventually(check: Callable[[], object], within: float = 60.0) -> object:
    """The first truthy answer of `check`, which may be async and may raise AssertionError until it holds.

    Raises:
        AssertionError: no such answer within `within` seconds; tells the last one.
    """
    wait = _Wait(within)
    while True:
        try:
            answer = check()
            found = await answer if inspect.isawaitable(answer) else answer
            if found:
                return found
            wait.go_on(found)
        except AssertionError as error:
            wait.go_on(error)
        await asyncio.sleep(wait.next_pause())


def eventually_sync(check: Callable[[], T], within: float = 60.0) -> T:
    """`eventually` for tests without an event loop."""
    wait = _Wait(within)
    while True:
        try:
            found = check()
            if found:
                return found
            wait.go_on(found)
        except AssertionError as error:
            wait.go_on(error)
        time.sleep(wait.next_pause())
