"""aiokafka's producer with settings that were measured to be safe; rebuilt after any error."""

import asyncio
from collections.abc import Sequence

from aiokafka import AIOKafkaProducer

from shared.events.message import OutgoingMessage
from shared.messaging.flow_control import Flow, NoFlow
from shared.messaging.record_batches import BatchSender
from shared.messaging.security import security_options
from shared.messaging.send_result import SendResult
from shared.runtime.background import complete
from shared.runtime.log import logger
from shared.runtime.settings import ServiceSettings

SEND_TIMEOUT_S = 4.0
"""Seconds from sending messages to their acknowledgement."""

BATCH_TIMEOUT_S = 6.0
"""Seconds of one `send`. Shorter than a relay's lease, so that no send outlives the lease."""

MAX_BATCH_BYTES = 1_000_000
"""Bytes of records in one batch; the brokers accept 1 MiB. `BatchSender` fills less, unless a message is larger."""


_START_S = 1.0
"""Seconds in which a cancelled start may end: aiokafka leaves a connection open if its first request is cancelled."""


class KafkaProducer:
    """Sends keyed messages in batches, one per partition at a time; a key that blocks does not delay other keys.

    Idempotence is off (the idempotent producer can hang permanently after a broker outage); an event that is sent
    twice is recognised by its id. FastStream's `publish_batch` is not used: it spreads a key over partitions.
    """

    def __init__(self, settings: ServiceSettings, flow: Flow | None = None) -> None:
        self._settings = settings
        self._flow = flow or NoFlow()
        self._producer: AIOKafkaProducer | None = None
        self._log = logger(__name__)

    async def send(self, messages: Sequence[OutgoingMessage]) -> list[SendResult]:
        """Send `messages`, those of a key in order; return the result of each within `BATCH_TIMEOUT_S`."""
        deadline = asyncio.get_running_loop().time() + BATCH_TIMEOUT_S
        try:
            async with asyncio.timeout_at(deadline):
                producer = await self._ready()
        except Exception as error:
            await self._discard(error)
            return [SendResult.UNANSWERED] * len(messages)
        sender = BatchSender(producer, self._flow, messages, deadline, SEND_TIMEOUT_S)
        results = await sender.send()
        if sender.error is not None:
            await self._discard(sender.error)
        return results

    async def _ready(self) -> AIOKafkaProducer:
        if self._producer is None:
            producer = AIOKafkaProducer(
                bootstrap_servers=self._settings.kafka_bootstrap,
                client_id=f"ratchet-{self._settings.service}-{self._settings.instance}",
                acks="all",
                enable_idempotence=False,
                linger_ms=0,
                max_batch_size=MAX_BATCH_BYTES,
                request_timeout_ms=int(SEND_TIMEOUT_S * 1000),
                retry_backoff_ms=50,
                metadata_max_age_ms=30_000,
                **security_options(self._settings),
            )
            try:
                await complete(producer.start(), _START_S)
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


async def _stop(producer: AIOKafkaProducer) -> None:
    """Stop a producer without waiting for unsent messages: aiokafka's `stop` may hang (its issue 773).

    After a timeout of one second, close its sender task and its connections directly.
    """
    for close in (producer.stop, producer._sender.close, producer.client.close):
        closing = asyncio.ensure_future(close())
        await asyncio.wait({closing}, timeout=1.0)
        if not closing.cancel() and not closing.cancelled():
            closing.exception()  # retrieved, so that asyncio does not log it
