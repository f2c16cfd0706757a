"""The doorbell: it never fails the caller, and carries no content."""

import asyncio
from typing import Any, cast

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisAway

from gatekeeper.delivery.hub import Hub
from gatekeeper.delivery.notifier import Notification, PromotionNotifier
from gatekeeper.keys.signer import Signer
from ratchet.signing import new_private_key
from tests.support.live_rows import some_live


class FakeRedis:
    """Publishes into a list; `fails` makes it raise, `silent` makes it hang."""

    def __init__(self, fails: bool = False, silent: bool = False) -> None:
        self.said: list[str] = []
        self.calls = 0
        self.fails = fails
        self.silent = silent

    async def publish(self, _: str, text: str) -> None:
        self.calls += 1
        if self.silent:
            await asyncio.Event().wait()
        if self.fails:
            raise RedisAway("away")
        self.said.append(text)

    async def aclose(self) -> None:
        return None


def bell(redis: FakeRedis | None) -> PromotionNotifier:
    return PromotionNotifier(Hub(1), cast(Redis, redis))


async def settle(rung: PromotionNotifier) -> None:
    while rung._ringing:
        await asyncio.wait(rung._ringing)


async def test_it_tells_where_and_which_but_not_what() -> None:
    redis = FakeRedis()
    rung = bell(redis)
    await rung.ring([some_live(Signer(new_private_key()))])
    await settle(rung)
    assert [Notification.decoded(text) for text in redis.said] == [Notification("acme", "production", "greeting", 7)]


@pytest.mark.parametrize("trouble", [{"fails": True}, {"silent": True}])
async def test_a_dead_or_silent_redis_costs_the_caller_nothing_and_is_left_alone(trouble: dict[str, Any]) -> None:
    redis = FakeRedis(**trouble)
    rung = bell(redis)
    live = some_live(Signer(new_private_key()))
    async with asyncio.timeout(0.1):
        await rung.ring([live])
    await settle(rung)
    await rung.ring([live])
    await settle(rung)
    assert redis.calls == 1, "the breaker is open"
    await rung.close()


async def test_without_redis_this_instances_clients_are_told_all_the_same() -> None:
    hub = Hub(1)
    client = hub.join(("acme", "production"), None)
    await PromotionNotifier(hub, None).ring([some_live(Signer(new_private_key()))])
    async with asyncio.timeout(60):
        assert b'"sequence":7' in await anext(client.frames(5))


@pytest.mark.parametrize("text", ["", "[]", "{}", '["a","b","c","d"]', '["a","b","c"]', "[1,2,3,4]"])
def test_anything_else_is_no_notice(text: str) -> None:
    with pytest.raises(ValueError, match="not a notice"):
        Notification.decoded(text)
