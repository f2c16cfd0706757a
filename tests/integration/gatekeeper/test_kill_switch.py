"""The kill switch: which key changes which switch, and that nothing delays or bypasses a halt."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest

from gatekeeper.bootstrap import bootstrap
from gatekeeper.domain.api_keys import ALL_ENVIRONMENTS_KEYS, DEFAULT_KEYS
from tests.support.databases import as_role
from tests.support.eventually import eventually
from tests.support.gatekeeper import World, digest, document, world
from tests.support.messaging import async_dsn

ONE, TWO = document("One"), document("Two")
HELD = "SELECT FROM gatekeeper.projects WHERE project = 'default' FOR UPDATE"
DECIDE = "SELECT decision_id FROM gatekeeper.decide($1, $2, 'approved', $3, '', interval '1 minute', '1')"


@pytest.fixture
async def stage(gate: World) -> World:
    """ONE is live in production; there are keys for staging, and one for all environments."""
    await gate.promote(ONE)
    for environment, plans in (("staging", DEFAULT_KEYS), ("*", ALL_ENVIRONMENTS_KEYS)):
        made = await bootstrap(async_dsn(gate.dsn), gate.signer.private, environment=environment, keys=plans)
        gate.keys.update({f"{environment}_{label}": raw for label, raw in made.items()})
    return gate


async def switch(gate: World, key: str, verb: str) -> tuple[int, str]:
    """Halt or resume. Return status and code."""
    answer = await gate.ask(key, "POST", f"/v1/{verb}", {"reason": "smoke"})
    return answer.status_code, answer.json().get("code", "")


async def halted(gate: World, key: str = "maker_key") -> tuple[bool, str]:
    """Return whether the key's environment is halted, and by which switch."""
    found = (await gate.ask(key, "GET", "/v1/loop")).json()
    return found["halted"], found["scope"]


async def test_a_key_changes_only_the_switch_of_its_environment(stage: World) -> None:
    assert await switch(stage, "staging_maker_key", "halt") == (200, "")
    assert await halted(stage, "staging_maker_key") == (True, "environment")
    assert await halted(stage) == (False, "environment")
    await stage.promote(TWO, digest(ONE))
    assert await switch(stage, "maker_key", "halt") == (200, "")
    assert await switch(stage, "staging_reviewer_key", "resume") == (200, "")
    assert await halted(stage) == (True, "environment")


async def test_a_key_for_all_environments_halts_the_project_and_only_such_a_key_resumes_it(stage: World) -> None:
    everywhere = "*_all_environments_key"
    assert await switch(stage, everywhere, "halt") == (200, "")
    assert await halted(stage) == await halted(stage, "staging_maker_key") == (True, "project")
    assert (await stage.decide(await stage.propose(TWO, digest(ONE)))).json()["code"] == "halted"
    assert await switch(stage, "reviewer_key", "resume") == (409, "project-halted")
    assert await switch(stage, "maker_key", "halt") == (200, "")
    assert await switch(stage, everywhere, "resume") == (200, "")
    assert await halted(stage) == (True, "environment")
    assert await halted(stage, "staging_maker_key") == (False, "project")
    assert (await stage.ask("reviewer_key", "GET", "/v1/audit/verify")).json()["ok"]


async def test_key_for_all_environments_cannot_decide(stage: World) -> None:
    proposal = await stage.propose(TWO, digest(ONE))
    assert (await stage.decide(proposal, by="*_all_environments_key")).status_code in {403, 404}
    for path, body in (
        ("/v1/grants", {"name": "greeting", "slot": "s", "count": 1, "per_hour": 1, "expires_at": "2999-01-01T00:00Z"}),
        ("/v1/prompts/greeting/rollback", {"reason": ""}),
        ("/v1/keys", {"subject": "x", "scopes": ["read"]}),
    ):
        assert (await stage.ask("*_all_environments_key", "POST", path, body)).status_code in {403, 404, 422}


@asynccontextmanager
async def holding(gate: World, statement: str) -> AsyncIterator[Any]:
    """An open transaction of the owner that has run a statement."""
    conn = await asyncpg.connect(gate.dsn)
    try:
        await conn.execute("BEGIN")
        await conn.execute(statement)
        yield conn
        await conn.execute("ROLLBACK")
    finally:
        await conn.close()


async def committed(gate: World) -> bool:
    return await gate.sql("SELECT halted FROM gatekeeper.kill_switches") == [(True,)]


async def test_a_halt_does_not_wait_for_the_project_lock(gate: World) -> None:
    async with holding(gate, HELD):
        halting = asyncio.create_task(switch(gate, "maker_key", "halt"))
        await eventually(lambda: committed(gate))
    assert await halting == (200, "")
    kinds = await gate.sql("SELECT kind FROM gatekeeper.audit ORDER BY seq DESC LIMIT 1")
    assert kinds == [("loop.halted",)], "its audit entry follows when the project's lock is free"
    assert (await gate.ask("maker_key", "GET", "/v1/audit/verify")).json()["ok"]


async def test_a_halt_needs_no_connection_that_others_use(gate: World) -> None:
    engine = gate.app.state.keys._engine
    engine.pool._timeout = 0.05
    async with asyncio.TaskGroup() as tasks:
        free = asyncio.Event()

        async def hold() -> None:
            async with engine.connect():
                await free.wait()

        for _ in range(engine.pool.size()):
            tasks.create_task(hold())
        await eventually(lambda: engine.pool.checkedout() == engine.pool.size())
        busy = await gate.ask("maker_key", "GET", "/v1/proposals")
        assert (busy.status_code, busy.json()["code"], busy.headers["retry-after"]) == (503, "busy", "1")
        assert await switch(gate, "maker_key", "halt") == (200, "")
        free.set()
    assert await committed(gate)


@pytest.mark.parametrize("isolation", ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"])
async def test_no_promotion_commits_after_a_halt(gate: World, isolation: str) -> None:
    """A transaction that passed every check before the halt and commits after it, at any isolation level."""
    proposal = await gate.propose(ONE)
    role = await asyncpg.connect(as_role(gate.dsn, "ratchet_gatekeeper"))
    await role.execute(f"BEGIN ISOLATION LEVEL {isolation}")
    [made] = await role.fetch(DECIDE, gate.keys["reviewer_key"], proposal["id"], proposal["digest"])
    await role.fetch("SELECT gatekeeper.promote($1)", made["decision_id"])
    halting = asyncio.create_task(switch(gate, "maker_key", "halt"))
    await eventually(lambda: committed(gate))
    with pytest.raises((asyncpg.PostgresError, asyncpg.SerializationError), match=r"halted|could not serialize"):
        await role.execute("COMMIT")
    await role.close()
    assert await halting == (200, "")
    assert await gate.live() is None


async def test_halt_survives_a_restart_without_kafka_and_redis(gate: World) -> None:
    proposal = await gate.propose(ONE)
    assert await switch(gate, "maker_key", "halt") == (200, "")
    async with world(gate.dsn, redis_url="redis://127.0.0.1:1/0") as again:
        again.keys.update(gate.keys)
        assert await halted(again) == (True, "environment")
        assert (await again.decide(proposal)).json()["code"] == "halted"
        assert await switch(again, "reviewer_key", "resume") == (200, "")
        assert await switch(again, "maker_key", "halt") == (200, "")
