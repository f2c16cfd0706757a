"""Group commit: requests that come while transactions run share the next one."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from shared.runtime.failures import FailureClass, classify
from shared.runtime.log import logger

T = TypeVar("T")
R = TypeVar("R")

Write = Callable[[Sequence[T]], Awaitable[Sequence[R]]]


class QueueFull(Exception):
    """More is waiting for the database than may wait: come back later."""


class Submission(Generic[T, R]):
    """Items that were handed in together. `done` holds a result, or the error, for each."""

    __slots__ = ("done", "items", "weight")

    def __init__(self, items: Sequence[T], weight: int, done: "asyncio.Future[list[R | Exception]]") -> None:
        self.items = items
        self.weight = weight
        self.done = done


class Queue(Generic[T, R]):
    """Tickets in the order they came, bounded by their items and by their weight in bytes."""

    def __init__(self, max_items: int, max_weight: int) -> None:
        self._max_items = max_items
        self._max_weight = max_weight
        self._tickets: deque[Submission[T, R]] = deque()
        self.items = 0
        self.weight = 0

    def put(self, ticket: Submission[T, R]) -> None:
        """Raises `QueueFull`, and takes nothing, where the ticket does not fit. An empty queue takes any ticket."""
        fits = self.items + len(ticket.items) <= self._max_items and self.weight + ticket.weight <= self._max_weight
        if self._tickets and not fits:
            raise QueueFull
        self._tickets.append(ticket)
        self.items += len(ticket.items)
        self.weight += ticket.weight

    def take(self, limit: int) -> list[Submission[T, R]]:
        """The oldest tickets with at most `limit` items together, but at least one ticket where there is one."""
        group: list[Submission[T, R]] = []
        size = 0
        while self._tickets and (not group or size + len(self._tickets[0].items) <= limit):
            ticket = self._tickets.popleft()
            group.append(ticket)
            size += len(ticket.items)
            self.weight -= ticket.weight
        self.items -= size
        return group


class GroupCommitter(Generic[T, R]):
    """Takes what has gathered, writes it in one transaction, and only then answers.

    Each of `writes` works on one group at a time: while one waits for the disk, another takes what came meanwhile.
    It gets the items of a group and returns a result for each after the commit; nothing of a group
    for which it raises may be kept.
    """

    def __init__(
        self, *writes: Write[T, R], group: int = 500, max_items: int = 20_000, max_weight: int = 64 << 20
    ) -> None:
        self._writes = writes
        self._group = group
        self._queue: Queue[T, R] = Queue(max_items, max_weight)
        self._filled = asyncio.Event()

    def submit(self, items: Sequence[T], weight: int) -> "asyncio.Future[list[R | Exception]]":
        """Hands in items that weigh so many bytes. Raises `QueueFull`. The future never holds an error itself."""
        ticket: Submission[T, R] = Submission(items, weight, asyncio.get_running_loop().create_future())
        self._queue.put(ticket)
        self._filled.set()
        return ticket.done

    async def run(self) -> None:
        """Writes until cancelled; what is being written then is written to its end."""
        async with asyncio.TaskGroup() as tasks:
            for write in self._writes:
                tasks.create_task(self._serve(write))

    async def _serve(self, write: Write[T, R]) -> None:
        while True:
            await self._filled.wait()
            self._filled.clear()
            while group := self._queue.take(self._group):
                await asyncio.shield(asyncio.ensure_future(self._settle(write, group)))

    async def _settle(self, write: Write[T, R], group: Sequence[Submission[T, R]]) -> None:
        results = await write_all(write, [item for ticket in group for item in ticket.items])
        start = 0
        for ticket in group:
            end = start + len(ticket.items)
            if not ticket.done.done():  # the client may have gone meanwhile
                ticket.done.set_result(results[start:end])
            start = end


async def write_all(write: Write[T, R], items: Sequence[T]) -> list[R | Exception]:
    """Writes `items`; where that fails for a reason of theirs, halves them until the bad one stands alone.

    Where the database is away or busy nothing is tried again: the clients are told, and know their items.
    """
    try:
        return list(await write(items))
    except Exception as error:
        if classify(error) is FailureClass.RETRYABLE:
            return [error] * len(items)
        if len(items) == 1:
            logger(__name__).error("an item can't be kept", error=type(error).__name__)  # its text may hold a user's
            return [error]
    middle = len(items) // 2
    return await write_all(write, items[:middle]) + await write_all(write, items[middle:])
