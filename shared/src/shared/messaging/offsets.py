"""Offsets: ends of an in-process broker's topics, and commits to Kafka in the background of a consumer."""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from aiokafka import TopicPartition

from shared.runtime.log import logger

Listener = Callable[[TopicPartition], None]


class TopicEnds:
    """Notifies consumers of messages that were sent from the same process.

    The embedded broker answers an idle fetch only after its full wait, even where a message arrives meanwhile:
    a consumer would have to poll many times a second. With this, it pauses until it is notified.
    """

    def __init__(self) -> None:
        self._ends: defaultdict[TopicPartition, int] = defaultdict(int)
        self._listeners: list[Listener] = []

    def subscribe(self, listener: Listener) -> None:
        """Call `listener` with the partition of each message sent from now on."""
        self._listeners.append(listener)

    def record_sent(self, topic: str, partition: int, offset: int) -> None:
        """Record that the broker acknowledged a message, and notify all listeners."""
        at = TopicPartition(topic, partition)
        self._ends[at] = max(self._ends[at], offset + 1)
        for listener in self._listeners:
            listener(at)

    def end(self, partition: TopicPartition) -> int:
        """Return the offset after the last message sent; 0 if none was."""
        return self._ends.get(partition, 0)


PAUSE_S = 0.2


class OffsetCommits:
    """Commits the newest offsets of one consumer: the first at once, further ones at most every 200 ms.

    The next batch does not wait for Kafka's answer. Until then Kafka's offset is behind what was processed; after a
    crash the messages in between are delivered again and recognised by their ids.
    """

    def __init__(self, group: str, kafka: Callable[[], Any]) -> None:
        """`kafka` returns the current consumer of aiokafka."""
        self.group = group
        self._kafka = kafka
        self._pending: dict[TopicPartition, int] = {}
        self._task: asyncio.Task[None] | None = None
        self._closed = False
        self._log = logger(__name__)

    async def add(self, positions: Mapping[TopicPartition, int]) -> None:
        """Commit these next offsets soon; after `close` at once.

        FastStream's `ack()` would commit every partition, processed or not.
        """
        self._pending.update(positions)
        if self._closed:
            await self.commit()
        elif self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())

    def discard(self, partitions: Iterable[TopicPartition]) -> None:
        """Forget what was to be committed of `partitions`: they are read again from an earlier offset."""
        for partition in partitions:
            self._pending.pop(partition, None)

    async def close(self) -> None:
        """Commit what is pending, and end the background task."""
        self._closed = True
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        await self.commit()

    async def _run(self) -> None:
        while self._pending:
            await self.commit()
            await asyncio.sleep(PAUSE_S)

    async def commit(self) -> None:
        """Commit what is pending. A failed commit loses nothing; the next offsets are committed in its place."""
        positions, self._pending = self._pending, {}
        if not positions:
            return
        kafka = self._kafka()
        try:
            owned = kafka.assignment()
            mine = {partition: offset for partition, offset in positions.items() if partition in owned}
            if mine:
                await kafka.commit(mine)
        except asyncio.CancelledError:
            self._pending = {**positions, **self._pending}
            raise
        except Exception as error:
            self._log.warning("offsets not committed", consumer=self.group, error=type(error).__name__)
