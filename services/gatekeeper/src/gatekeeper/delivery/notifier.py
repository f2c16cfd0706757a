"""Telling every instance at once that something went live. Redis only rings: the content comes from the database."""

import asyncio
import contextlib
import json
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from redis.asyncio import Redis
from redis.exceptions import RedisError

from gatekeeper.delivery.frames import to_frame
from gatekeeper.delivery.hub import Hub
from shared.events.promotion import PromptLive
from shared.runtime.cache import DEADLINE_S
from shared.runtime.log import logger

CHANNEL = "ratchet:prompt.live"
_BREAK_S = 2.0
_LISTEN_S = 10.0


@dataclass(frozen=True, slots=True)
class Notification:
    """That a prompt has a new version: no content."""

    project: str
    environment: str
    name: str
    sequence: int

    def encoded(self) -> str:
        return json.dumps([self.project, self.environment, self.name, self.sequence])

    @classmethod
    def decoded(cls, text: bytes | str) -> "Notification":
        """Raises ValueError for anything else than a notice."""
        try:
            match json.loads(text):
                case [str(project), str(environment), str(name), int(sequence)]:
                    return cls(project, environment, name, sequence)
        except json.JSONDecodeError:
            pass
        raise ValueError("not a notice")


class NotificationHandler(Protocol):
    """Looks up what a notice tells of, and pushes it."""

    async def catch_up(self, notices: Iterable[Notification]) -> None: ...


class PromotionNotifier:
    """Pushes to this instance's clients and rings at the others. Never raises, never waits past 250 ms."""

    def __init__(self, hub: Hub, redis: Redis | None) -> None:
        self._hub = hub
        self._redis = redis
        self._closed_until = 0.0
        self._ringing: set[asyncio.Task[None]] = set()

    async def ring(self, lives: Iterable[PromptLive]) -> None:
        """Call it after the commit. Redis is told beside: whoever made the change does not wait for it."""
        for live in lives:
            self._hub.push((live.project, live.environment), to_frame(live))
            notice = Notification(live.project, live.environment, live.name, live.sequence)
            if self._redis is not None and time.monotonic() >= self._closed_until:
                task = asyncio.create_task(self._tell(self._redis, notice))
                self._ringing.add(task)
                task.add_done_callback(self._ringing.discard)

    async def _tell(self, redis: Redis, notice: Notification) -> None:
        try:
            async with asyncio.timeout(DEADLINE_S):
                await redis.publish(CHANNEL, notice.encoded())
        except (RedisError, OSError, TimeoutError):
            self._closed_until = time.monotonic() + _BREAK_S

    async def close(self) -> None:
        """Ends what is still ringing."""
        for task in self._ringing:
            task.cancel()
        if self._redis is not None:
            with contextlib.suppress(RedisError, OSError, TimeoutError):
                await self._redis.aclose()


async def listen(redis: Redis, catcher: NotificationHandler) -> None:
    """Takes notices from Redis, for ever; where Redis is away or silent it tries again, and others do its work."""
    while True:
        try:
            await _listen_once(redis, catcher)
        except (RedisError, OSError, TimeoutError) as error:
            logger(__name__).info("doorbell away", error=type(error).__name__)
        await asyncio.sleep(_BREAK_S)


async def _listen_once(redis: Redis, catcher: NotificationHandler) -> None:
    async with redis.pubsub(ignore_subscribe_messages=True) as channel:
        async with asyncio.timeout(DEADLINE_S * 2):
            await channel.subscribe(CHANNEL)
        while True:
            message = await channel.get_message(timeout=_LISTEN_S)
            if message is not None:
                with contextlib.suppress(ValueError):
                    await catcher.catch_up([Notification.decoded(message["data"])])
