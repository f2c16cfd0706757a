"""The rules of the database for rollouts: those of the state machine in Python, and no way around the approved plan."""

from itertools import product
from typing import get_args

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from gatekeeper.domain.rollout import ChangeKind
from gatekeeper.domain.rollout_plan import plan_of
from tests.support.gatekeeper import World, digest
from tests.support.rollout_machine import Actor, Circumstances, Position, apply_change
from tests.support.rollouts import BASE, CANDIDATE, latest, measure, plan

PATHS: list[tuple[ChangeKind, ...]] = [
    (),
    ("paused",),
    ("advanced",),
    ("advanced", "paused"),
    ("advanced", "completed"),
    ("rolled_back",),
    ("paused", "rolled_back"),
]
_CHANGE = text(
    """SELECT * FROM gatekeeper.change_rollout_of(CAST(:rollout AS uuid), :kind, :by, :key, 'test', 'test', '{}')"""
)


async def attempt(conn: AsyncConnection, change: str, by: str, key: str | None, rollout: str) -> bool:
    """Call the function behind all changes, as the owner; return whether the triggers let it pass."""
    savepoint = await conn.begin_nested()
    try:
        await conn.execute(_CHANGE, {"rollout": rollout, "kind": change, "by": by, "key": key})
    except DBAPIError as error:
        await savepoint.rollback()
        if getattr(error.orig, "sqlstate", None) != "RG001":
            raise
        return False
    await savepoint.commit()
    return True


@pytest.fixture
async def rollout(gate: World) -> str:
    """An open rollout of two steps, whose author is a reviewer too, with enough values for each step."""
    await gate.promote(BASE)
    proposal = await gate.propose(CANDIDATE, digest(BASE), by="second_key")
    body = {"verdict": "approved", "reason": "", "digest": proposal["digest"], "rollout_plan": plan()}
    await gate.ask("reviewer_key", "POST", f"/v1/proposals/{proposal['id']}/decisions", body)
    for arm in ("base", "candidate"):
        await measure(gate, arm, 100, 100)
    await gate.sql(
        """INSERT INTO gatekeeper.rollout_measurements
           SELECT rollout_id, 1, metric, arm, bounded, n, total, squares FROM gatekeeper.rollout_measurements"""
    )
    return str((await latest(gate))["id"])


async def test_the_database_allows_exactly_what_the_state_machine_does(gate: World, rollout: str) -> None:
    """Each change by each actor, halted or not, after each path; every attempt is rolled back."""
    planned = plan_of((await latest(gate))["plan"])
    actors: dict[Actor, tuple[str, str | None]] = {
        "gatekeeper": ("gatekeeper", None),
        "reviewer": ("reviewer", gate.key_id("reviewer_key")),
        "author": ("second", gate.key_id("second_key")),
    }
    halt = text("SELECT * FROM gatekeeper.halt(:key, 'test')")
    for path, halted in product(PATHS, (False, True)):
        async with gate.owner.connect() as conn:
            position = Position("running", 0, 500)
            for change in path:
                assert await attempt(conn, change, *actors["reviewer"], rollout)
                moved = apply_change(planned, position, change, "reviewer", Circumstances())
                assert moved is not None
                position = moved
            if halted:
                await conn.execute(halt, {"key": gate.keys["reviewer_key"]})
            for change, actor in product(get_args(ChangeKind), actors):
                outer = await conn.begin_nested()
                allowed = await attempt(conn, change, *actors[actor], rollout)
                await outer.rollback()
                wanted = apply_change(planned, position, change, actor, Circumstances(halted=halted))
                assert allowed == (wanted is not None), (path, change, actor, halted)
            await conn.rollback()


BYPASSES = (
    "SELECT * FROM gatekeeper.promote((SELECT id FROM gatekeeper.decisions WHERE rollout_plan IS NOT NULL))",
    "SELECT * FROM gatekeeper.start_rollout((SELECT id FROM gatekeeper.decisions WHERE rollout_plan IS NOT NULL))",
    "SELECT * FROM gatekeeper.start_rollout((SELECT id FROM gatekeeper.decisions WHERE rollout_plan IS NULL))",
    "UPDATE gatekeeper.rollout_plans SET canonical = '{}'",
    "UPDATE gatekeeper.rollout_changes SET weight = 9999",
    "DELETE FROM gatekeeper.rollout_changes",
    """INSERT INTO gatekeeper.live_history (project, environment, name, sequence, target, digest, reason,
                                            rollout_change_id, by, audit_seq)
       SELECT project, environment, name, 3, target, candidate_digest, 'promoted', change_id, 'x', 1
       FROM gatekeeper.rollout_states""",
    """INSERT INTO gatekeeper.rollout_changes (rollout_id, revision, project, environment, name, kind, step, weight, by,
                                               reason, message, verdict, audit_seq)
       SELECT id, 2, project, environment, name, 'advanced', 1, 9000, 'gatekeeper', 'x', 'x', '{}', 1
       FROM gatekeeper.rollout_states""",
)


@pytest.mark.parametrize("statement", BYPASSES)
async def test_the_owner_itself_can_not_go_past_the_plan(gate: World, rollout: str, statement: str) -> None:
    with pytest.raises(DBAPIError) as caught:
        await gate.sql(statement)
    assert getattr(caught.value.orig, "sqlstate", None) == "RG001"
    assert (await latest(gate))["id"] == rollout


@pytest.mark.parametrize("arm", ["base", "candidate"])
async def test_a_step_is_left_only_with_values_of_ten_users(gate: World, rollout: str, arm: str) -> None:
    """Each value is of another user. A person may go on with fewer."""
    await gate.sql(f"DELETE FROM gatekeeper.rollout_unit_groups WHERE arm = '{arm}' AND unit_group > 9")
    fewer = text("DELETE FROM gatekeeper.rollout_unit_groups WHERE arm = :arm AND unit_group = 9")
    async with gate.owner.connect() as conn:
        outer = await conn.begin_nested()
        assert await attempt(conn, "advanced", "gatekeeper", None, rollout)
        await outer.rollback()
        await conn.execute(fewer, {"arm": arm})
        assert not await attempt(conn, "advanced", "gatekeeper", None, rollout)
        assert await attempt(conn, "advanced", "reviewer", gate.key_id("reviewer_key"), rollout)
        await conn.rollback()
