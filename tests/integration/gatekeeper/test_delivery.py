"""Delivery to apps: a prompt by name with its ETag, and pushes with and without Redis and Kafka."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from sqlalchemy.ext.asyncio import create_async_engine

from gatekeeper.app import build_app
from gatekeeper.delivery.hub import Frame, Hub, StreamClient
from gatekeeper.delivery.live_sync import LiveSync
from gatekeeper.delivery.notifier import Notification, listen
from shared.auth.keys import KeyStore
from shared.events import Envelope, new_id
from shared.runtime.background import cancel_all
from shared.runtime.cache import redis_client
from shared.runtime.clock import SystemClock
from tests.support.databases import as_role
from tests.support.eventually import PATIENCE_S, eventually
from tests.support.gatekeeper import World, digest, document, few_shot, settings_for, world
from tests.support.listening_app import listening
from tests.support.messaging import async_dsn
from tests.support.streams import nothing_live

ONE, TWO = document("One", "shots"), document("Two", "shots")
HERE = ("default", "production")


async def test_an_etag_avoids_the_body_until_a_new_version_is_live(gate: World) -> None:
    await gate.promote(ONE)
    first = await gate.ask("ingest_key", "GET", "/v1/prompts/greeting")
    known = {"If-None-Match": first.headers["etag"]}
    second = await gate.ask("ingest_key", "GET", "/v1/prompts/greeting", headers=known)
    assert (second.status_code, second.content) == (304, b"")
    await gate.promote(TWO, digest(ONE))
    third = await gate.ask("ingest_key", "GET", "/v1/prompts/greeting", headers=known)
    assert third.json()["digest"] == digest(TWO)


async def test_unknown_prompt_is_a_problem_document(gate: World) -> None:
    answer = await gate.ask("ingest_key", "GET", "/v1/prompts/nothing")
    assert (answer.status_code, answer.json()["code"]) == (404, "prompt-not-live")


async def test_list_shows_versions_deployed_outside_ratchet_as_unreviewed(gate: World) -> None:
    await gate.promote(ONE)
    for seen in (ONE, TWO):
        await gate.sql(
            "INSERT INTO gatekeeper.observed VALUES ('default', 'production', 'greeting', :digest, 'bot', now())",
            digest=digest(seen),
        )
    [item] = (await gate.ask("maker_key", "GET", "/v1/prompts")).json()["items"]
    assert item["live"]["digest"] == digest(ONE)
    assert {seen["digest"]: seen["reviewed"] for seen in item["observed"]} == {digest(ONE): True, digest(TWO): False}


async def events(lines: AsyncIterator[str]) -> AsyncIterator[dict[str, Any]]:
    async for line in lines:
        if line.startswith("data: "):
            yield json.loads(line.removeprefix("data: "))


async def test_stream_starts_with_live_versions_and_sends_each_change(gate: World) -> None:
    await gate.promote(ONE)
    headers = {"Authorization": f"Bearer {gate.keys['ingest_key']}"}
    async with (
        listening(gate.app) as url,
        httpx.AsyncClient(base_url=url, headers=headers, timeout=PATIENCE_S) as client,
        client.stream("GET", "/v1/stream", params={"names": "greeting,other"}) as answer,
        asyncio.timeout(60),
    ):
        assert answer.headers["content-type"].startswith("text/event-stream")
        read = events(answer.aiter_lines())
        assert (await anext(read))["digest"] == digest(ONE)
        await gate.promote(TWO, digest(ONE))
        pushed = await anext(read)
        assert (pushed["digest"], pushed["sequence"]) == (digest(TWO), 2)
        assert pushed == await gate.live()
    await eventually(lambda: gate.app.state.hub.size == 0)


async def test_client_that_does_not_read_delays_no_other_and_is_resynchronised(gate: World) -> None:
    await gate.promote(ONE)
    hub: Hub = gate.app.state.hub
    headers = {"Authorization": f"Bearer {gate.keys['ingest_key']}"}
    async with (
        listening(gate.app) as url,
        unread_stream(url, gate.keys["ingest_key"]) as reader,
        httpx.AsyncClient(base_url=url, headers=headers, timeout=PATIENCE_S) as client,
        client.stream("GET", "/v1/stream", params={"names": "greeting"}) as answer,
        asyncio.timeout(60),
    ):
        read = events(answer.aiter_lines())
        assert (await anext(read))["digest"] == digest(ONE)
        [slow] = [each for each in hub.clients(HERE) if each.names is None]
        for number in range(2_000):
            hub.push(HERE, Frame(f"filler-{number}", 1, "", b": %d\n\n" % number * 4_000))
            await asyncio.sleep(0)
            if slow._behind:
                break
        assert slow._behind
        await gate.promote(TWO, digest(ONE))
        assert (await anext(read))["digest"] == digest(TWO)
        assert not slow._pending
        while True:
            line = await reader.readline()
            if line.startswith(b"data: ") and json.loads(line[6:])["digest"] == digest(TWO):
                break
        assert not slow._behind
    await eventually(lambda: hub.size == 0)


@asynccontextmanager
async def unread_stream(url: str, key: str) -> AsyncIterator[asyncio.StreamReader]:
    """A stream of all prompts whose client has read its start and then stops reading until asked."""
    with socket.socket() as opened:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        opened.connect(("127.0.0.1", int(url.rpartition(":")[2])))
        reader, writer = await asyncio.open_connection(sock=opened, limit=4_096)
        writer.write(f"GET /v1/stream HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {key}\r\n\r\n".encode())
        while not (await reader.readline()).startswith(b"data: "):
            pass
        yield reader
        writer.close()


@asynccontextmanager
async def other_instance(gate: World) -> AsyncIterator[tuple[LiveSync, StreamClient]]:
    """The push components of a second instance, with one client."""
    engine = create_async_engine(async_dsn(as_role(gate.dsn, "ratchet_gatekeeper")))
    hub = Hub(9)
    try:
        yield LiveSync(engine, hub, KeyStore(engine, "gatekeeper")), hub.join(HERE, None)
    finally:
        await engine.dispose()


async def next_event(client: StreamClient) -> dict[str, Any]:
    async with asyncio.timeout(60):
        chunk = await anext(client.frames(9, nothing_live))
    return dict(json.loads(chunk.split(b"data: ")[1]))


async def test_without_redis_and_kafka_another_instance_polls(gate: World) -> None:
    async with other_instance(gate) as (catching, client):
        poll = asyncio.create_task(catching.poll(0.02))
        await gate.promote(ONE)
        assert (await next_event(client))["digest"] == digest(ONE)
        await cancel_all([poll])


async def test_without_redis_and_kafka_another_instance_closes_streams_of_a_revoked_key(gate: World) -> None:
    async with other_instance(gate) as (catching, other):
        client = catching.hub.join(HERE, None, key_id=gate.key_id("ingest_key"))
        poll = asyncio.create_task(catching.poll(0.02))
        await gate.ask("admin_key", "POST", f"/v1/keys/{client.key_id}/revoke")
        async with asyncio.timeout(60):
            assert [chunk async for chunk in client.frames(99, nothing_live)] == []
        await gate.promote(ONE)
        assert (await next_event(other))["digest"] == digest(ONE)
        await cancel_all([poll])


async def test_streams_beyond_the_limit_of_a_key_are_rejected(migrated_dsn: Callable[..., str]) -> None:
    async with world(migrated_dsn("gatekeeper"), max_streams=2, max_streams_per_key=1) as gate:
        hub: Hub = gate.app.state.hub
        mine = hub.join(HERE, None, key_id=gate.key_id("ingest_key"))
        answer = await gate.ask("ingest_key", "GET", "/v1/stream")
        assert (answer.status_code, answer.json()["code"]) == (429, "too-many-streams")
        assert int(answer.headers["retry-after"]) > 0
        theirs = hub.join(HERE, None, key_id="another")
        answer = await gate.ask("maker_key", "GET", "/v1/stream")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")
        assert {client.key_id for client in hub.clients(HERE)} == {mine.key_id, theirs.key_id}


async def test_kafka_alone_notifies_another_instance(gate: World) -> None:
    async with other_instance(gate) as (catching, client):
        await gate.promote(ONE)
        await catching.sync([Notification(*HERE, "greeting", 1), Notification(*HERE, "unknown", 1)])
        assert (await next_event(client))["digest"] == digest(ONE)


async def test_redis_notifies_another_instance(migrated_dsn: Callable[..., str], redis_url: str) -> None:
    async with (
        world(migrated_dsn("gatekeeper"), redis_url=redis_url) as gate,
        other_instance(gate) as (catching, client),
    ):
        redis = redis_client(redis_url)
        ear = asyncio.create_task(listen(redis, catching))

        async def is_notified() -> bool:
            counts: Any = await redis.pubsub_numsub("ratchet:prompt.live")
            return bool(counts[0][1])

        await eventually(is_notified)
        await gate.promote(ONE)
        assert (await next_event(client))["digest"] == digest(ONE)
        await cancel_all([ear])
        await redis.aclose()


@pytest.mark.usefixtures("embedded_kafka")
async def test_a_covered_proposal_on_the_bus_goes_live_and_is_pushed(gate: World, embedded_kafka: str) -> None:
    """End to end: a proposal arrives through Kafka, a grant covers it, and it is pushed to clients."""
    await gate.promote(ONE)
    await gate.grant()
    settings = settings_for(gate.dsn, gate.signer.private, kafka_bootstrap=embedded_kafka, embedded_bus=True)
    app = build_app(settings)
    async with app.router.lifespan_context(app):
        client = app.state.hub.join(HERE, None)
        await eventually(lambda: not app.state.bus.problems)
        event = few_shot(ONE, ("2+2", "4"))
        now = SystemClock().now()
        async with app.state.store.begin() as tx:
            await tx.emit(Envelope(new_id(now), now, "ratchet/proposer", event, "correlation"))
        while (await next_event(client))["digest"] != event.digest:  # the relay also sends sequence 1
            pass
        revoked = app.state.hub.join(HERE, None, key_id=gate.key_id("ingest_key"))
        await gate.ask("admin_key", "POST", f"/v1/keys/{revoked.key_id}/revoke")
        app.state.store.on_emit()  # as the other instance would
        async with asyncio.timeout(60):
            assert [chunk async for chunk in revoked.frames(99, nothing_live)] == []
