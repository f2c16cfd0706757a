"""Notifications of promotions: publishing never fails or delays the caller, and carries no content."""

import asyncio
from typing import Any, cast

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisUnavailable

from gatekeeper.delivery.hub import Hub
from gatekeeper.delivery.notifier import Notification, PromotionNotifier
from gatekeeper.domain.signer import Signer
from ratchet.signing import new_private_key
from tests.support.live_rows import signed_live
from tests.support.streams import nothing_live


class FakeRedis:
    """Appends what is published to a list; `fails` makes it raise, `silent` makes it hang."""

    def __init__(self, fails: bool = False, silent: bool = False) -> None:
        self.published: list[str] = []
        self.calls = 0
        self.fails = fails
        self.silent = silent

    async def publish(self, _: str, text: str) -> None:
        self.calls += 1
        if self.silent:
            await asyncio.Event().wait()
        if self.fails:
            raise RedisUnavailable("unavailable")
        self.published.append(text)

    async def aclose(self) -> None:
        return None


def notifier_for(redis: FakeRedis | None) -> PromotionNotifier:
    return PromotionNotifier(Hub(1), cast(Redis, redis))


async def finish(notifier: PromotionNotifier) -> None:
    while notifier._publishing:
        await asyncio.wait(notifier._publishing)


async def test_a_notification_names_the_version_without_its_content() -> None:
    redis = FakeRedis()
    notifier = notifier_for(redis)
    notifier.notify([signed_live(Signer(new_private_key()))])
    await finish(notifier)
    assert [Notification.decode(text) for text in redis.published] == [
        Notification("acme", "production", "greeting", 7)
    ]


@pytest.mark.parametrize("failure", [{"fails": True}, {"silent": True}])
async def test_dead_or_silent_redis_does_not_delay_the_caller_and_is_not_retried(failure: dict[str, Any]) -> None:
    redis = FakeRedis(**failure)
    notifier = notifier_for(redis)
    live = signed_live(Signer(new_private_key()))
    notifier.notify([live])
    await finish(notifier)
    notifier.notify([live])
    await finish(notifier)
    assert redis.calls == 1, "the breaker is open"
    await notifier.close()


async def test_without_redis_clients_of_this_instance_get_pushes() -> None:
    hub = Hub(1)
    client = hub.join(("acme", "production"), None)
    PromotionNotifier(hub, None).notify([signed_live(Signer(new_private_key()))])
    async with asyncio.timeout(60):
        assert b'"sequence":7' in await anext(client.frames(5, nothing_live))


@pytest.mark.parametrize("text", ["", "[]", "{}", '["a","b","c","d"]', '["a","b","c"]', "[1,2,3,4]"])
def test_anything_else_is_not_a_notification(text: str) -> None:
    with pytest.raises(ValueError, match="not a notification"):
        Notification.decode(text)
