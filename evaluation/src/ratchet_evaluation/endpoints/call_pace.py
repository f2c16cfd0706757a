"""Limit of calls a minute: a sliding window."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable

WINDOW_S = 60.0


class CallPace:
    """Lets at most `per_minute` calls begin in any minute. A limit below 1 spaces calls further apart."""

    def __init__(
        self,
        per_minute: float,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._calls = max(1, int(per_minute))
        self._window = WINDOW_S * self._calls / per_minute
        self._monotonic, self._sleep = monotonic, sleep
        self._begun: deque[float] = deque(maxlen=self._calls)
        self._lock = asyncio.Lock()

    async def wait(self) -> None:
        """Wait until the next call may begin. Calls begin in the order in which they came."""
        async with self._lock:
            if len(self._begun) == self._calls:
                left = self._begun[0] + self._window - self._monotonic()
                if left > 0.0:
                    await self._sleep(left)
            self._begun.append(self._monotonic())
