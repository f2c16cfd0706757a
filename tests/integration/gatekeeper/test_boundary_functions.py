"""Misuse of the boundary's functions by the gatekeeper's own role: without a person's key nothing becomes live."""

import json
from collections.abc import AsyncIterator, Sequence
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from shared.events.message import OutgoingMessage
from shared.messaging.sql_outbox import insert_parameters, insert_statement
from tests.support.databases import as_role
from tests.support.gatekeeper import World, digest, document, secret_hash

ONE, TWO = document("One"), document("Two")
DECIDE = "SELECT * FROM gatekeeper.decide($1, $2, 'approved', $3, '', interval '1 minute', '1')"


@pytest.fixture
async def stage(gate: World) -> World:
    await gate.promote(ONE)
    return gate


@pytest.fixture
async def role(stage: World) -> AsyncIterator[Any]:
    """A session with the gatekeeper's role."""
    conn = await asyncpg.connect(as_role(stage.dsn, "ratchet_gatekeeper"))
    yield conn
    await conn.close()


async def refused(work: Any) -> str:
    with pytest.raises(asyncpg.PostgresError) as caught:
        await work
    return str(caught.value.args[0])


async def is_one_live(gate: World) -> bool:
    return [(1, digest(ONE))] == [
        (row[0], row[1]) for row in await gate.sql("SELECT sequence, digest FROM gatekeeper.live")
    ]


async def test_no_decision_without_a_reviewing_persons_secret(stage: World, role: Any) -> None:
    proposal = await stage.propose(TWO, digest(ONE))
    reviewer = stage.keys["reviewer_key"]
    _, key_id, secret = reviewer.split("_", 2)
    tries = {
        "nothing": "",
        "null": None,
        "the hash": f"rk_{key_id}_{secret_hash(reviewer)}",
        "another secret": f"rk_{key_id}_{'A' * 43}",
        "no prefix": f"{key_id}_{secret}",
        "a service": stage.keys["ingest_key"],
        "no scope": stage.keys["maker_key"],
    }
    for name, raw in tries.items():
        code = await refused(role.fetch(DECIDE, raw, proposal["id"], proposal["digest"]))
        assert code in {"unknown-key", "not-allowed"}, name
    assert await is_one_live(stage)


async def test_revoked_key_cannot_decide(stage: World, role: Any) -> None:
    proposal = await stage.propose(TWO, digest(ONE))
    await stage.sql("UPDATE gatekeeper.api_keys SET revoked = true WHERE subject = 'reviewer'")
    code = await refused(role.fetch(DECIDE, stage.keys["reviewer_key"], proposal["id"], proposal["digest"]))
    assert code == "unknown-key"


@pytest.mark.parametrize("lifetime", ["0 seconds", "-1 hour", "25 hours"])
async def test_decision_expires_within_a_day(stage: World, role: Any, lifetime: str) -> None:
    proposal = await stage.propose(TWO, digest(ONE))
    decide = DECIDE.replace("1 minute", lifetime)
    code = await refused(role.fetch(decide, stage.keys["reviewer_key"], proposal["id"], proposal["digest"]))
    assert "decisions" in code
    assert await is_one_live(stage)


async def test_a_decision_is_used_once_and_only_by_promote(stage: World, role: Any) -> None:
    proposal = await stage.propose(TWO, digest(ONE))
    [made] = await role.fetch(DECIDE, stage.keys["reviewer_key"], proposal["id"], proposal["digest"])
    assert await is_one_live(stage), "a decision alone promotes nothing"
    await role.fetch("SELECT * FROM gatekeeper.promote($1)", made["decision_id"])
    assert await refused(role.fetch("SELECT * FROM gatekeeper.promote($1)", made["decision_id"])) == "already-used"
    assert await refused(role.fetch("SELECT * FROM gatekeeper.promote($1)", uuid4())) == "unknown-decision"


async def test_a_decision_of_another_environment_is_refused(stage: World, role: Any) -> None:
    proposal = str(uuid4())
    await role.fetch(
        "SELECT gatekeeper.open_proposal($1, 'default', 'staging', 'bot', 'greeting', 'edit', NULL, $2, 'x', 1, '{}')",
        proposal,
        digest(ONE),
    )
    code = await refused(role.fetch(DECIDE, stage.keys["reviewer_key"], proposal, digest(ONE)))
    assert code == "other-environment"


async def test_a_search_path_or_temporary_table_changes_no_function(stage: World, role: Any) -> None:
    """Objects of the same names in pg_temp, first in the caller's search path, are ignored by the functions."""
    proposal = await stage.propose(TWO, digest(ONE))
    forged = "rk_forged_" + "A" * 43
    await role.execute("SET search_path = pg_temp, gatekeeper, public")
    for table in ("api_keys", "people", "projects", "decisions", "proposals", "live_history", "live"):
        await role.execute(f"CREATE TEMP TABLE {table} (LIKE gatekeeper.{table} INCLUDING DEFAULTS)")
    await role.execute(
        "INSERT INTO pg_temp.api_keys (key_id, revision, secret_hash, subject, subject_kind, project, environment,"
        f" scopes, revoked) VALUES ('forged', 1, '{secret_hash(forged)}', 'reviewer', 'person', 'default',"
        " 'production', '{review}', false)"
    )
    await role.execute(
        "CREATE FUNCTION pg_temp.sha256_hex(content text) RETURNS text LANGUAGE sql AS"
        f" $$ SELECT '{secret_hash(stage.keys['reviewer_key'])}' $$"
    )
    code = await refused(role.fetch(DECIDE, forged, proposal["id"], proposal["digest"]))
    assert code == "unknown-key"
    wrong = stage.keys["reviewer_key"][:-1] + "_"
    assert await refused(role.fetch(DECIDE, wrong, proposal["id"], proposal["digest"])) == "unknown-key"
    assert await is_one_live(stage)


async def test_sql_in_an_argument_is_not_executed(stage: World, role: Any) -> None:
    evil = "'; DELETE FROM gatekeeper.live_history; --"
    await role.fetch("SELECT gatekeeper.halt($1, $2)", stage.keys["maker_key"], evil)
    assert await refused(role.fetch("SELECT gatekeeper.roll_back($1, $2, $2, $2, $2)", evil, evil)) == "unknown-key"
    assert await is_one_live(stage)


async def announce(role: Any, *live_events: dict[str, Any]) -> str:
    """Insert messages into the outbox in one row, as the service's role."""
    messages = [(uuid4(), OutgoingMessage("prompt.live", "k", json.dumps(live).encode(), ())) for live in live_events]
    return await insert(role, insert_parameters(messages, 4))


async def insert(role: Any, parameters: Sequence[list[Any]]) -> str:
    try:
        await role.execute(insert_statement("gatekeeper", ("$1", "$2", "$3", "$4", "$5")), *parameters)
    except asyncpg.PostgresError as error:
        return str(error.args[0])
    return ""


async def test_outbox_rejects_prompt_live_without_its_history_row(stage: World, role: Any) -> None:
    true = {"project": "default", "environment": "production", "name": "greeting", "sequence": 1}
    true |= {"digest": digest(ONE), "document": ONE}
    assert await announce(role, true) == ""
    for lie in (
        {"document": TWO},
        {"sequence": 2},
        {"digest": digest(TWO), "document": TWO},
        {"environment": "staging"},
    ):
        assert await announce(role, true | lie) == "not-live"
        assert await announce(role, true, true | lie) == "not-live"
        assert await announce(role, true | lie, true) == "not-live"
    assert await announce(role, true, true) == ""
    code = await refused(
        role.execute("UPDATE gatekeeper.outbox SET topic = 'prompt.live' WHERE topic <> 'prompt.live'")
    )
    assert code == "not-live"


async def test_no_prompt_live_hides_in_a_row_that_its_event_ids_do_not_announce(stage: World, role: Any) -> None:
    true = {"project": "default", "environment": "production", "name": "greeting", "sequence": 1}
    true |= {"digest": digest(ONE), "document": ONE}
    lie = true | {"digest": digest(TWO), "document": TWO}
    messages = [(uuid4(), OutgoingMessage("prompt.live", "k", json.dumps(live).encode(), ())) for live in (true, lie)]
    shards, topics, keys, [ids], [packed] = insert_parameters(messages, 4)
    for hidden_ids, hidden in (
        (ids[:16], packed),
        (ids, packed + b"\0" * 8),
        (ids, packed[:-1]),
        (ids + ids[:16], packed),
        (ids[:16], b"\xff" * 8 + packed),
    ):
        assert "message" in await insert(role, [shards, topics, keys, [hidden_ids], [hidden]])
    assert await insert(role, [shards, topics, keys, [ids[:15]], [packed]]) != ""
    assert await announce(role, true) == ""
    code = await refused(role.execute("UPDATE gatekeeper.outbox SET messages = $1, event_ids = $2", packed, ids))
    assert code == "not-live"


async def test_content_with_a_wrong_digest_is_rejected(stage: World, role: Any) -> None:
    for table, name, content in (
        ("prompt_versions", digest(TWO), json.dumps(ONE)),
        ("examples", digest(TWO), "{}"),
        ("example_sets", digest(TWO), "[]"),
    ):
        code = await refused(
            role.execute(
                f"INSERT INTO gatekeeper.{table} (project, digest, canonical) VALUES ('default', $1, $2)", name, content
            )
        )
        assert "check constraint" in code
