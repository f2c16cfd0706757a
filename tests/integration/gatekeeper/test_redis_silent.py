"""Redis accepts connections and never responds (row D8): other instances get promotions by polling the database."""

import asyncio
import itertools
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psutil
import pytest
from sqlalchemy.ext.asyncio import create_async_engine

from gatekeeper.delivery.hub import Hub
from gatekeeper.delivery.live_sync import LiveSync
from gatekeeper.delivery.notifier import CHANNEL, listen
from ratchet_local.process import recorded_pid
from ratchet_local.valkey import Valkey
from shared.auth.keys import KeyStore
from shared.runtime.cache import redis_client
from tests.support.databases import as_role
from tests.support.eventually import eventually
from tests.support.gatekeeper import World, digest, document, world
from tests.support.messaging import async_dsn
from tests.support.soak import scaled
from tests.support.streams import nothing_live

_SILENCES = scaled(2, 100)
_HERE = ("default", "production")


@contextmanager
def silent(valkey: Valkey) -> Iterator[None]:
    """Pause the server (SIGSTOP), so that it neither responds nor closes a connection."""
    pid = recorded_pid(valkey.folder / "valkey.pid")
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
        assert psutil.Process(pid).status() == psutil.STATUS_STOPPED
    finally:
        os.kill(pid, signal.SIGCONT)


async def switch(gate: World, action: str) -> int:
    answer = await gate.ask("reviewer_key", "POST", f"/v1/{action}", {"reason": "incident"})
    return answer.status_code


@pytest.mark.redis
async def test_promotions_reach_another_instance_and_the_kill_switch_works(
    migrated_dsn: Callable[..., str], own_valkey: Valkey
) -> None:
    versions = [document(f"Version {number}", "shots") for number in range(_SILENCES + 1)]
    redis = redis_client(own_valkey.url)
    async with world(migrated_dsn("gatekeeper"), redis_url=own_valkey.url) as gate:
        engine = create_async_engine(async_dsn(as_role(gate.dsn, "ratchet_gatekeeper")))
        catching = LiveSync(engine, Hub(9), KeyStore(engine, "gatekeeper"))
        client = catching.hub.join(_HERE, None)
        frames = client.frames(99, nothing_live)
        tasks = [asyncio.create_task(listen(redis, catching)), asyncio.create_task(catching.poll(0.05))]

        async def subscribed() -> bool:
            return bool((await redis.pubsub_numsub(CHANNEL))[0][1])

        await eventually(subscribed)
        await gate.promote(versions[0])
        assert digest(versions[0]).encode() in await asyncio.wait_for(anext(frames), 60)
        faults = 0
        for base, version in itertools.pairwise(versions):
            with silent(own_valkey):
                await gate.promote(version, digest(base))
                assert digest(version).encode() in await asyncio.wait_for(anext(frames), 60)
                assert await switch(gate, "halt") == 200
                proposal = await gate.propose(base, digest(version))
                assert (await gate.decide(proposal)).json()["code"] == "halted"
                assert await switch(gate, "resume") == 200
                faults += 1
        assert faults == _SILENCES
        live = await gate.live()
        assert live is not None
        assert (live["digest"], live["sequence"]) == (digest(versions[-1]), _SILENCES + 1)
        verified = await gate.ask("maker_key", "GET", "/v1/audit/verify")
        assert verified.json()["ok"]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await redis.aclose()
        await engine.dispose()
