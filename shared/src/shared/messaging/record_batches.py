"""Messages of one `send` as Kafka record batches: one request per partition instead of one future per message."""

import asyncio
from collections import defaultdict, deque
from collections.abc import Collection, Sequence
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import InvalidTopicError, MessageSizeTooLargeError, RecordListTooLargeError
from aiokafka.partitioner import DefaultPartitioner

from shared.events.message import OutgoingMessage
from shared.messaging.flow_control import Flow
from shared.messaging.send_result import SendResult

FILLED_BYTES = 500_000
"""Bytes up to which a batch is filled; a single message may be larger."""
_OVERHEAD_BYTES = 512
"""Bytes that are added for the key and headers of a message when its size is estimated."""

_INVALID_RECORD = frozenset({32, 44, 87})
"""Kafka's error codes: invalid timestamp, policy violation, invalid record."""
_REFUSALS = (MessageSizeTooLargeError, InvalidTopicError, RecordListTooLargeError, ValueError, TypeError)

_partition_of = DefaultPartitioner()


class BatchSender:
    """Sends messages: partitions concurrently, the batches of a partition one after the other.

    `results`: of each message, as known so far; `error`: why the producer must be rebuilt, if it must. A batch is
    acknowledged as a whole. One that the brokers refuse is halved until the message they refuse is alone; what follows
    that message under its key is not sent.
    """

    def __init__(
        self,
        producer: AIOKafkaProducer,
        flow: Flow,
        messages: Sequence[OutgoingMessage],
        deadline: float,
        timeout: float,
    ) -> None:
        """`deadline` (of the loop's clock) ends all; a batch is acknowledged within `timeout` seconds."""
        self.results = [SendResult.NO_ROOM] * len(messages)
        self.error: BaseException | None = None
        self._producer = producer
        self._flow = flow
        self._messages = messages
        self._deadline = deadline
        self._timeout = timeout
        self._blocked: set[tuple[str, str]] = set()

    async def send(self) -> list[SendResult]:
        """Send all messages, wait for their acknowledgements until the deadline, and return the result of each."""
        by_topic: dict[str, list[int]] = defaultdict(list)
        for index, message in enumerate(self._messages):
            by_topic[message.topic].append(index)
        await asyncio.gather(*(self._send_topic(topic, indexes) for topic, indexes in by_topic.items()))
        return self.results

    async def _send_topic(self, topic: str, indexes: Sequence[int]) -> None:
        try:
            async with asyncio.timeout(self._remaining()):
                partitions = sorted(await self._producer.partitions_for(topic))
        except Exception as error:
            self._failed(indexes, error)
            return
        by_partition: dict[int, deque[int]] = defaultdict(deque)
        known: dict[str, deque[int]] = {}
        for index in indexes:
            key = self._messages[index].key
            if key not in known:
                known[key] = by_partition[_partition_of(key.encode(), partitions, [])]
            known[key].append(index)
        await asyncio.gather(*(self._send_partition(topic, at, waiting) for at, waiting in by_partition.items()))

    async def _send_partition(self, topic: str, partition: int, waiting: deque[int]) -> None:
        while waiting:
            if (taken := self._next_batch(waiting)) and not await self._deliver(topic, partition, taken):
                self._set_results(waiting, SendResult.UNANSWERED)
                return

    def _next_batch(self, waiting: deque[int]) -> list[int]:
        """Remove the messages of the next batch from `waiting` and return them; others that may not be sent go, too."""
        taken: list[int] = []
        size = 0
        while waiting:
            message = self._messages[waiting[0]]
            size += len(message.value) + _OVERHEAD_BYTES
            if taken and size > FILLED_BYTES:
                break
            index = waiting.popleft()
            if self._is_blocked(index):
                continue
            if self._flow.try_reserve(message.topic, len(message.value)):
                taken.append(index)
            else:
                self._block(index)
        return taken

    async def _deliver(self, topic: str, partition: int, taken: Sequence[int]) -> bool:
        """Send a batch; return whether the next one may follow."""
        self._set_results(taken, SendResult.UNANSWERED)
        refused = await self._send_batch(topic, partition, taken)
        if not refused:
            return self.results[taken[0]] is SendResult.SENT
        if len(taken) == 1:
            self._set_results(taken, SendResult.REFUSED)
            self._block(taken[0])
            return True
        half = len(taken) // 2
        if not await self._deliver(topic, partition, taken[:half]):
            return False
        rest = [index for index in taken[half:] if not self._is_blocked(index)]
        return not rest or await self._deliver(topic, partition, rest)

    async def _send_batch(self, topic: str, partition: int, taken: Sequence[int]) -> bool:
        """Send a batch and wait for its acknowledgement; return whether the brokers refuse it."""
        try:
            batch = self._producer.create_batch()
            for index in taken:
                _append(batch, self._messages[index])
            batch.close()
            async with asyncio.timeout(self._remaining()):
                answer = await self._producer.send_batch(batch, topic, partition=partition)
            answer.add_done_callback(lambda answered: self._answered(taken, answered))
            await asyncio.wait({answer}, timeout=self._remaining())
            if not answer.done():
                raise TimeoutError
            answer.result()
        except Exception as error:
            if _is_refusal(error):
                return True
            self.error = error
        return False

    def _answered(self, taken: Sequence[int], answer: "asyncio.Future[Any]") -> None:
        """Record an acknowledgement, also if it comes after the deadline."""
        if answer.cancelled() or answer.exception() is not None:
            return
        sent = answer.result()
        self._set_results(taken, SendResult.SENT)
        for number, index in enumerate(taken):
            message = self._messages[index]
            self._flow.record_sent(message.topic, sent.partition, sent.offset + number, len(message.value))

    def _failed(self, indexes: Collection[int], error: BaseException) -> None:
        """Record that a topic is unavailable, or that the brokers refuse it."""
        if _is_refusal(error):
            self._set_results(indexes, SendResult.REFUSED)
        else:
            self._set_results(indexes, SendResult.UNANSWERED)
            self.error = error

    def _set_results(self, indexes: Collection[int], result: SendResult) -> None:
        for index in indexes:
            self.results[index] = result

    def _is_blocked(self, index: int) -> bool:
        return (self._messages[index].topic, self._messages[index].key) in self._blocked

    def _block(self, index: int) -> None:
        self._blocked.add((self._messages[index].topic, self._messages[index].key))

    def _remaining(self) -> float:
        """Return the seconds that a batch which is sent now may take."""
        return max(0.0, min(self._timeout, self._deadline - asyncio.get_running_loop().time()))


def _append(batch: Any, message: OutgoingMessage) -> None:
    """Add a message to a batch. Raises ValueError if the batch is full."""
    headers = [(name, value.encode()) for name, value in message.headers]
    if batch.append(timestamp=None, key=message.key.encode(), value=message.value, headers=headers) is None:
        raise ValueError("the batch is full")


def _is_refusal(error: BaseException) -> bool:
    """Return whether the brokers never accept what was sent: it is too large, or its record or topic is invalid."""
    return isinstance(error, _REFUSALS) or getattr(error, "errno", None) in _INVALID_RECORD
