"""Notify all instances of a promotion: own clients directly, other instances through Redis (without content)."""

import asyncio
import contextlib
import json
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from redis.asyncio import Redis
from redis.exceptions import RedisError

from gatekeeper.delivery.hub import Hub, live_frame
from shared.events.promotion import PromptLive
from shared.runtime.cache import DEADLINE_S
from shared.runtime.log import logger

CHANNEL = "ratchet:prompt.live"
_BREAK_S = 2.0
"""Pause after an error of Redis."""
_LISTEN_S = 10.0


@dataclass(frozen=True, slots=True)
class Notification:
    """A prompt has a new version; receivers read its content from the database."""

    project: str
    environment: str
    name: str
    sequence: int

    def encode(self) -> str:
        """Return the message that Redis carries."""
        return json.dumps([self.project, self.environment, self.name, self.sequence])

    @classmethod
    def decode(cls, text: bytes | str) -> "Notification":
        """Return the notification in a message. Raises ValueError if there is none."""
        try:
            match json.loads(text):
                case [str(project), str(environment), str(name), int(sequence)]:
                    return cls(project, environment, name, sequence)
        except json.JSONDecodeError:
            pass
        raise ValueError("not a notification")


class NotificationHandler(Protocol):
    """Receiver of notifications."""

    async def sync(self, notifications: Iterable[Notification]) -> None:
        """Read the versions and push them to the clients of this instance."""


class PromotionNotifier:
    """Pushes promotions to this instance's clients and publishes them to the other instances."""

    def __init__(self, hub: Hub, redis: Redis | None) -> None:
        self._hub = hub
        self._redis = redis
        self._paused_until = 0.0
        self._publishing: set[asyncio.Task[None]] = set()

    def notify(self, promoted: Iterable[PromptLive]) -> None:
        """Push versions that went live. Call it after the commit; Redis is published to in the background.

        Never blocks and never raises: without Redis, other instances find the versions through Kafka or by polling.
        """
        for live in promoted:
            self._hub.push((live.project, live.environment), live_frame(live))
            notification = Notification(live.project, live.environment, live.name, live.sequence)
            if self._redis is not None and time.monotonic() >= self._paused_until:
                task = asyncio.create_task(self._publish(self._redis, notification))
                self._publishing.add(task)
                task.add_done_callback(self._publishing.discard)

    async def _publish(self, redis: Redis, notification: Notification) -> None:
        try:
            async with asyncio.timeout(DEADLINE_S):
                await redis.publish(CHANNEL, notification.encode())
        except (RedisError, OSError, TimeoutError):
            self._paused_until = time.monotonic() + _BREAK_S

    async def close(self) -> None:
        """Cancel pending publishes and close the Redis client."""
        for task in self._publishing:
            task.cancel()
        if self._redis is not None:
            with contextlib.suppress(RedisError, OSError, TimeoutError):
                await self._redis.aclose()


async def listen(redis: Redis, handler: NotificationHandler) -> None:
    """Pass notifications from Redis to `handler` until cancelled; reconnect 2 s after an error of Redis."""
    while True:
        try:
            await _listen_once(redis, handler)
        except (RedisError, OSError, TimeoutError) as error:
            logger(__name__).info("redis unavailable", error=type(error).__name__)
        await asyncio.sleep(_BREAK_S)


async def _listen_once(redis: Redis, handler: NotificationHandler) -> None:
    async with redis.pubsub(ignore_subscribe_messages=True) as channel:
        async with asyncio.timeout(DEADLINE_S * 2):
            await channel.subscribe(CHANNEL)
        while True:
            message = await channel.get_message(timeout=_LISTEN_S)
            if message is not None:
                with contextlib.suppress(ValueError):
                    await handler.sync([Notification.decode(message["data"])])
