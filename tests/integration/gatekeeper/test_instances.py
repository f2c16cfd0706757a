"""Instances of apps report what they serve, to whichever gatekeeper they are connected."""

from typing import Any

import httpx

from gatekeeper.app import build_app
from gatekeeper.delivery.hub import Hub
from gatekeeper.delivery.live_sync import LiveSync
from gatekeeper.delivery.notifier import Notification
from gatekeeper.maintenance import forget_ended_instances
from ratchet import AsyncRatchet
from ratchet.prompt import from_text
from shared.auth.keys import KeyStore
from tests.support.eventually import PATIENCE_S, eventually
from tests.support.gatekeeper import World, digest, settings_for
from tests.support.listening_app import listening

ONE = from_text("Answer {{question}}.").to_dict()
TWO = from_text("Answer {{question}} in {{words}} words.").to_dict()


async def listed(gate: World) -> dict[str, Any]:
    return dict((await gate.ask("maker_key", "GET", "/v1/instances")).json())


async def report(gate: World, instance: str, *prompts: dict[str, Any], **parts: Any) -> httpx.Response:
    body = {"sdk": "python/1", "prompts": list(prompts), **parts}
    return await gate.ask("ingest_key", "PUT", f"/v1/instances/{instance}", body)


async def counts(gate: World) -> tuple[int, ...]:
    """Return the counts of the prompt `greeting`: instances, serving, stale, refusing."""
    found = (await listed(gate))["prompts"]
    return tuple(found[0][key] for key in ("instances", "serving", "stale", "refusing"))


async def test_a_report_replaces_the_last_one_and_is_counted_beside_what_is_live(gate: World) -> None:
    await gate.promote(ONE)
    live = {"name": "greeting", "sequence": 1, "digest": digest(ONE)}
    for instance in ("web-1", "web-2"):
        assert (await report(gate, instance, live, {"name": "unknown"})).status_code == 204
    assert await counts(gate) == (2, 2, 0, 0)
    await gate.promote(TWO, digest(ONE))
    assert await counts(gate) == (2, 0, 2, 0)
    await report(gate, "web-1", {"name": "greeting", "sequence": 2, "digest": digest(TWO)})
    await report(gate, "web-2", {**live, "refused_sequence": 2, "refusal": "needs words"})
    assert await counts(gate) == (2, 1, 0, 1)
    [first, second] = (await listed(gate))["items"]
    assert (first["instance"], first["state"]) == ("web-1", "serving")
    assert (second["state"], second["refusal"]) == ("refusing", "needs words")


async def test_the_longest_names_are_stored_and_longer_ones_refused(gate: World) -> None:
    assert (await report(gate, "i" * 100, sdk="s" * 100)).status_code == 204
    assert (await report(gate, "i", sdk="s" * 101)).status_code == 422
    assert (await report(gate, "i" * 101)).status_code == 422


async def test_instances_are_forgotten_after_90_seconds_or_with_their_stream(gate: World) -> None:
    await gate.promote(ONE)
    live = {"name": "greeting", "sequence": 1, "digest": digest(ONE)}
    await report(gate, "silent", live)
    await gate.sql("UPDATE gatekeeper.sdk_instances SET reported_at = reported_at - interval '91 seconds'")
    hub, store = gate.app.state.hub, gate.app.state.store
    client = hub.join(("default", "production"), None, "web-1")
    await report(gate, "web-1", live, stream=str(client.stream_id))
    assert await counts(gate) == (1, 1, 0, 0)
    hub.leave(("default", "production"), client)
    await report(gate, "web-2", live)
    await forget_ended_instances(store, hub)
    assert await counts(gate) == (1, 1, 0, 0)
    assert await gate.sql("SELECT instance FROM gatekeeper.sdk_instances") == [("web-2",)]
    assert hub.ended == []


async def test_a_report_with_an_unknown_field_or_state_is_refused(gate: World) -> None:
    for prompt in ({"name": "a", "state": "fine"}, {"name": "a", "digest": "x"}, {"name": "a", "weight": 10_000}):
        assert (await report(gate, "web", prompt)).status_code == 422, prompt
    assert (await report(gate, "w" * 101)).status_code == 422


async def test_a_client_reports_what_it_serves_to_every_gatekeeper_until_it_ends(gate: World) -> None:
    """The client is connected to another gatekeeper than the one that is asked."""
    await gate.promote(ONE)
    other = build_app(settings_for(gate.dsn, gate.signer.private))
    hub: Hub = other.state.hub
    sync = LiveSync(gate.service, hub, KeyStore(gate.service, "gatekeeper"))
    default = "Answer {{question}}."

    async def counted(*expected: int) -> bool:
        return await counts(gate) == expected

    async with listening(other) as url:
        client = AsyncRatchet(url, gate.keys["ingest_key"], first_wait=30)
        assert (await client.prompt("greeting", default)).live
        await eventually(lambda: counted(1, 1, 0, 0))
        await gate.promote(TWO, digest(ONE))
        await sync.sync([Notification("default", "production", "greeting", 2)])

        async def refusing() -> bool:
            await client.prompt("greeting", default)
            return await counted(1, 0, 0, 1)

        await eventually(refusing)
        [row] = (await listed(gate))["items"]
        assert "words" in row["refusal"]
        await client.close(0)
        await eventually(lambda: hub.size == 0)
        await forget_ended_instances(other.state.store, hub)
        assert await counts(gate) == (0, 0, 0, 0)
    await other.state.store.engine.dispose()
    await other.state.notifier.close()
    await other.state.switch.engine.dispose()


async def test_a_stream_of_a_client_that_does_not_report_is_listed_apart(gate: World) -> None:
    await gate.promote(ONE)
    headers = {"Authorization": f"Bearer {gate.keys['ingest_key']}", "X-Ratchet-Instance": "old-1"}

    async def unreported() -> list[dict[str, Any]]:
        found = await listed(gate)
        assert found["prompts"][0]["instances"] == 0
        return [row for row in found["unreported"] if row["sequence"] == 1]

    async with (
        listening(gate.app) as url,
        httpx.AsyncClient(base_url=url, headers=headers, timeout=PATIENCE_S) as client,
        client.stream("GET", "/v1/stream?names=greeting") as answer,
    ):
        assert len(answer.headers["x-ratchet-stream"]) == 36
        [row] = await eventually(unreported)
        assert (row["instance"], row["name"], row["digest"]) == ("old-1", "greeting", digest(ONE))
    await eventually(lambda: gate.app.state.hub.size == 0)
