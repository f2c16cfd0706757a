"""aiokafka's producer with the settings that measured safe, rebuilt on any error."""

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Any

from aiokafka import AIOKafkaProducer

from shared.messaging.cloudevents import Message
from shared.messaging.flow import Flow, NoFlow
from shared.messaging.security import security_options
from shared.runtime.log import logger
from shared.runtime.settings import ServiceSettings

SEND_TIMEOUT_S = 5.0
"""Shorter than a relay's lease, so that a send never outlives the right to send."""


class KafkaProducer:
    """Sends keyed messages one by one, pipelined.

    Idempotence stays off (the idempotent producer can hang for good after a broker outage); an event may
    be sent twice and is known by its id. `publish_batch` is never used: it spreads a key over partitions.
    """

    def __init__(self, settings: ServiceSettings, flow: Flow | None = None) -> None:
        self._settings = settings
        self._flow = flow or NoFlow()
        self._producer: AIOKafkaProducer | None = None
        self._log = logger(__name__)

    async def send(self, messages: Sequence[Message]) -> list[bool]:
        try:
            async with asyncio.timeout(SEND_TIMEOUT_S):
                producer = await self._ready()
                sends = [await self._enqueue(producer, message) for message in messages]
                done = await asyncio.gather(*sends, return_exceptions=True)
        except Exception as error:
            await self._discard(error)
            return [False] * len(messages)
        acknowledged = [not isinstance(result, BaseException) for result in done]
        if not all(acknowledged):
            await self._discard(next(result for result in done if isinstance(result, BaseException)))
        for message, result in zip(messages, done, strict=True):
            if not isinstance(result, BaseException):
                self._flow.sent(message.topic, result.partition, result.offset, len(message.value))
        return acknowledged

    async def _enqueue(self, producer: AIOKafkaProducer, message: Message) -> "asyncio.Future[Any]":
        await self._flow.admit(message.topic, len(message.value))
        headers = [(name, value.encode()) for name, value in message.headers]
        future: asyncio.Future[Any] = await producer.send(
            message.topic, message.value, key=message.key.encode(), headers=headers
        )
        return future

    async def _ready(self) -> AIOKafkaProducer:
        if self._producer is None:
            producer = AIOKafkaProducer(
                bootstrap_servers=self._settings.kafka_bootstrap,
                client_id=f"ratchet-{self._settings.service}-{self._settings.instance}",
                acks="all",
                enable_idempotence=False,
                linger_ms=0,
                request_timeout_ms=4000,
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
        self._log.warning("send failed, producer is rebuilt", error=type(error).__name__)
        producer, self._producer = self._producer, None
        if producer is not None:
            await _stop(producer)

    async def close(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            await _stop(producer)


async def _stop(producer: AIOKafkaProducer) -> None:
    """Stops it without waiting for what can't be sent (aiokafka's own stop may hang, its issue 773)."""
    with contextlib.suppress(Exception):
        await asyncio.wait_for(producer.stop(), 1.0)
