"""aiokafka's producer with settings that were measured to be safe; rebuilt after any error."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import InvalidTopicError, MessageSizeTooLargeError, RecordListTooLargeError

from shared.events.message import Message
from shared.messaging.flow_control import Flow, NoFlow
from shared.messaging.security import security_options
from shared.messaging.send_result import SendResult
from shared.runtime.log import logger
from shared.runtime.settings import ServiceSettings

SEND_TIMEOUT_S = 4.0
"""Seconds from sending a message to its acknowledgement."""

BATCH_TIMEOUT_S = 6.0
"""Seconds of one `send`. Shorter than a relay's lease, so that no send outlives the lease."""


class KafkaProducer:
    """Sends keyed messages one by one, pipelined; a key that blocks does not delay other keys.

    Idempotence is off (the idempotent producer can hang permanently after a broker outage); an event that is sent
    twice is recognised by its id. `publish_batch` is not used: it spreads a key over partitions.
    """

    def __init__(self, settings: ServiceSettings, flow: Flow | None = None) -> None:
        self._settings = settings
        self._flow = flow or NoFlow()
        self._producer: AIOKafkaProducer | None = None
        self._log = logger(__name__)

    async def send(self, messages: Sequence[Message]) -> list[SendResult]:
        """Send `messages`, those of a key in order; return the result of each within `BATCH_TIMEOUT_S`."""
        deadline = asyncio.get_running_loop().time() + BATCH_TIMEOUT_S
        try:
            async with asyncio.timeout_at(deadline):
                producer = await self._ready()
        except Exception as error:
            await self._discard(error)
            return [SendResult.UNANSWERED] * len(messages)
        by_key: dict[tuple[str, str], list[int]] = defaultdict(list)
        for index, message in enumerate(messages):
            by_key[message.topic, message.key].append(index)
        batch = _Batch(producer, self._flow, messages, deadline)
        await asyncio.gather(*(batch.send_key(indexes) for indexes in by_key.values()))
        if batch.error is not None:
            await self._discard(batch.error)
        return batch.results

    async def _ready(self) -> AIOKafkaProducer:
        if self._producer is None:
            producer = AIOKafkaProducer(
                bootstrap_servers=self._settings.kafka_bootstrap,
                client_id=f"ratchet-{self._settings.service}-{self._settings.instance}",
                acks="all",
                enable_idempotence=False,
                linger_ms=0,
                request_timeout_ms=int(SEND_TIMEOUT_S * 1000),
                retry_backoff_ms=50,
                metadata_max_age_ms=30_000,
                **security_options(self._settings),
            )
            try:
                await producer.start()
            except BaseException:
                await _stop(producer)
                raise
            self._producer = producer
        return self._producer

    async def _discard(self, error: BaseException) -> None:
        self._log.warning("send failed; rebuilding the producer", error=type(error).__name__)
        producer, self._producer = self._producer, None
        if producer is not None:
            await _stop(producer)

    async def close(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            await _stop(producer)


class _Batch:
    """The messages of one `send`. `results`: as known so far; `error`: why the producer must be rebuilt, if it must."""

    def __init__(self, producer: AIOKafkaProducer, flow: Flow, messages: Sequence[Message], deadline: float) -> None:
        self.results = [SendResult.NO_ROOM] * len(messages)
        self.error: BaseException | None = None
        self._producer = producer
        self._flow = flow
        self._messages = messages
        self._deadline = deadline

    async def send_key(self, indexes: Sequence[int]) -> None:
        """Send one key's messages and wait for their acknowledgements; stop at the first that fails."""
        futures: list[asyncio.Future[Any]] = []
        for index in indexes:
            message = self._messages[index]
            if not self._flow.admit(message.topic, len(message.value)):
                break
            self.results[index] = SendResult.UNANSWERED
            try:
                async with asyncio.timeout(self._remaining()):
                    futures.append(self._watched(index, await self._enqueue(message)))
            except Exception as error:
                self._failed(index, error)
                break
        if futures:
            _, unanswered = await asyncio.wait(futures, timeout=self._remaining())
            if unanswered:
                self.error = TimeoutError()

    def _remaining(self) -> float:
        """Return the seconds that a message which is sent now may take."""
        return max(0.0, min(SEND_TIMEOUT_S, self._deadline - asyncio.get_running_loop().time()))

    async def _enqueue(self, message: Message) -> "asyncio.Future[Any]":
        headers = [(name, value.encode()) for name, value in message.headers]
        future: asyncio.Future[Any] = await self._producer.send(
            message.topic, message.value, key=message.key.encode(), headers=headers
        )
        return future

    def _watched(self, index: int, future: "asyncio.Future[Any]") -> "asyncio.Future[Any]":
        """Return `future`, with a callback that records its result even after `send` has returned."""

        def done(answered: "asyncio.Future[Any]") -> None:
            if answered.cancelled():
                return
            error = answered.exception()
            if error is not None:
                self._failed(index, error)
                return
            message, sent = self._messages[index], answered.result()
            self.results[index] = SendResult.SENT
            self._flow.sent(message.topic, sent.partition, sent.offset, len(message.value))

        future.add_done_callback(done)
        return future

    def _failed(self, index: int, error: BaseException) -> None:
        if _is_refusal(error):
            self.results[index] = SendResult.REFUSED
        else:
            self.error = error


def _is_refusal(error: BaseException) -> bool:
    """Return whether the brokers will never accept the message: it is too large, or its record or topic is invalid."""
    return (
        isinstance(
            error, MessageSizeTooLargeError | InvalidTopicError | RecordListTooLargeError | ValueError | TypeError
        )
        or getattr(error, "errno", None) in _INVALID_RECORD
    )


_INVALID_RECORD = frozenset({32, 44, 87})
"""Kafka's error codes: invalid timestamp, policy violation, invalid record."""


async def _stop(producer: AIOKafkaProducer) -> None:
    """Stop a producer without waiting for unsent messages: aiokafka's `stop` may hang (its issue 773).

    After a timeout of one second, close its sender task and its connections directly.
    """
    for close in (producer.stop, producer._sender.close, producer.client.close):
        closing = asyncio.ensure_future(close())
        await asyncio.wait({closing}, timeout=1.0)
        if not closing.cancel() and not closing.cancelled():
            closing.exception()  # retrieved, so that asyncio does not log it
