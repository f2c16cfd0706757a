"""Forged rows, inserted by the owner of the database: each is rejected while the triggers are enabled.

The tests themselves are tested: with one guard removed, `tests.support.boundary_model` reports the forgery.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from tests.support.boundary_model import violations
from tests.support.gatekeeper import World, digest, document, few_shot

ONE, TWO = document("One", "shots"), document("Two", "shots")
Attack = Callable[[World], Awaitable[object]]

_HISTORY = """INSERT INTO gatekeeper.live_history
                (project, environment, name, sequence, target, digest, reason, {cites}, by, audit_seq)
              VALUES ('default', :environment, 'greeting', :sequence, 'bot', :digest, :reason, {values},
                      'reviewer', 1)"""


async def forge(gate: World, prompt: dict[str, Any], cites: dict[str, object], **parts: Any) -> None:
    """Insert a history row directly into the table."""
    statement = _HISTORY.format(cites=", ".join(cites), values=", ".join(f":{name}" for name in cites))
    values = {
        "environment": "production",
        "sequence": 2,
        "digest": digest(prompt),
        "reason": "promoted",
        **cites,
        **parts,
    }
    await gate.sql(statement, **values)


async def decision(gate: World, about: dict[str, Any], lifetime: str = "1 minute", verdict: str = "approved") -> object:
    """Return a valid unused decision, made by the function as a reviewer."""
    proposal = await gate.propose(about, digest(ONE))
    [row] = await gate.sql(
        """SELECT decision_id FROM gatekeeper.decide(:raw, CAST(:id AS uuid), :verdict, :digest, '',
                                                     CAST(CAST(:lifetime AS text) AS interval), '1')""",
        raw=gate.keys["reviewer_key"],
        id=proposal["id"],
        verdict=verdict,
        digest=proposal["digest"],
        lifetime=lifetime,
    )
    return row[0]


async def no_authorisation(gate: World) -> None:
    await gate.propose(TWO, digest(ONE))
    await forge(gate, TWO, {"decision_id": None})


async def two_authorisations(gate: World) -> None:
    made = await decision(gate, TWO)
    await gate.sql(
        """INSERT INTO gatekeeper.rollbacks (project, environment, name, kind, from_digest, to_digest, digest,
                                             rolled_by, key_id, reason)
           SELECT 'default', 'production', 'greeting', 'rolled_back', :digest, :digest, :digest, 'reviewer', key_id, ''
           FROM gatekeeper.api_keys WHERE subject = 'reviewer'""",
        digest=digest(ONE),
    )
    [row] = await gate.sql("SELECT id FROM gatekeeper.rollbacks")
    await forge(gate, TWO, {"decision_id": made, "rollback_id": row[0]})


async def another_digest(gate: World) -> None:
    await gate.propose(document("Three"), digest(ONE))
    await forge(gate, document("Three"), {"decision_id": await decision(gate, TWO)})


async def another_environment(gate: World) -> None:
    await forge(gate, TWO, {"decision_id": await decision(gate, TWO)}, environment="staging", sequence=1)


async def rejected_decision(gate: World) -> None:
    await forge(gate, TWO, {"decision_id": await decision(gate, TWO, verdict="rejected")})


async def expired(gate: World) -> None:
    made = await decision(gate, TWO, lifetime="1 microsecond")
    await forge(gate, TWO, {"decision_id": made})


async def used_twice(gate: World) -> None:
    made = await decision(gate, TWO)
    await forge(gate, TWO, {"decision_id": made})
    await gate.sql("SELECT gatekeeper.roll_back(:raw, 'greeting', :one, :one, '')", **_reviewer(gate, one=digest(ONE)))
    await forge(gate, TWO, {"decision_id": made}, sequence=4)


async def stale_base(gate: World) -> None:
    made = await decision(gate, TWO)
    await gate.promote(document("Between"), digest(ONE))
    await forge(gate, TWO, {"decision_id": made}, sequence=3)


async def while_halted(gate: World) -> None:
    made = await decision(gate, TWO)
    await gate.ask("maker_key", "POST", "/v1/halt", {"reason": "smoke"})
    await forge(gate, TWO, {"decision_id": made})


async def sequence_gap(gate: World) -> None:
    await forge(gate, TWO, {"decision_id": await decision(gate, TWO)}, sequence=7)


async def by_a_service(gate: World) -> None:
    await _decided_as(gate, "app", "ingest_key")


async def by_the_author(gate: World) -> None:
    await _decided_as(gate, "maker", "maker_key", more="UPDATE gatekeeper.api_keys SET scopes = '{review}'")


async def altered(gate: World) -> None:
    """Alter a decision about TWO into one about three."""
    made = await decision(gate, TWO)
    three = await gate.propose(document("Three"), digest(ONE))
    async with gate.owner.begin() as conn:
        await conn.exec_driver_sql("SET LOCAL session_replication_role = replica")
        await conn.execute(
            text("UPDATE gatekeeper.decisions SET digest = :digest, proposal_id = CAST(:p AS uuid) WHERE id = :id"),
            {"digest": three["digest"], "p": three["id"], "id": made},
        )
    await forge(gate, document("Three"), {"decision_id": made})


async def grant_beyond_its_count(gate: World) -> None:
    await gate.grant(count=1)
    await gate.arrive(few_shot(ONE, ("1", "1")))
    second = few_shot((await gate.live() or {})["document"], ("2", "2"))
    await gate.arrive(second)
    await _use(gate, second, 2, 3)


async def grant_outside_its_slot(gate: World) -> None:
    await gate.grant()
    event = few_shot(TWO, ("1", "1"), base_digest=digest(ONE))
    await gate.arrive(event)
    await _use(gate, event, 1, 2)


async def rollback_to_a_version_never_live(gate: World) -> None:
    await gate.propose(TWO, digest(ONE))
    await gate.sql("SELECT gatekeeper.roll_back(:raw, 'greeting', :two, :two, '')", **_reviewer(gate, two=digest(TWO)))


async def _decided_as(gate: World, subject: str, label: str, more: str = "SELECT 1") -> None:
    proposal = await gate.propose(TWO, digest(ONE))
    key_id = gate.keys[label].split("_")[1]
    if more != "SELECT 1":
        await gate.sql(f"{more} WHERE key_id = :key_id", key_id=key_id)
    await gate.sql("INSERT INTO gatekeeper.people (project, subject) VALUES ('default', 'app') ON CONFLICT DO NOTHING")
    [row] = await gate.sql(
        """INSERT INTO gatekeeper.decisions (proposal_id, project, environment, name, verdict, digest, base_digest,
             policy_version, decided_by, key_id, expires_at, reason, canonical, hash)
           VALUES (CAST(:id AS uuid), 'default', 'production', 'greeting', 'approved', :digest, :base, '1', :subject,
                   :key_id, clock_timestamp() + interval '1 minute', '', '', gatekeeper.sha256_hex('')) RETURNING id""",
        id=proposal["id"], digest=digest(TWO), base=digest(ONE), subject=subject, key_id=key_id,
    )  # fmt: skip
    await forge(gate, TWO, {"decision_id": row[0]})


async def _use(gate: World, event: Any, number: int, sequence: int) -> None:
    [row] = await gate.sql(
        """INSERT INTO gatekeeper.grant_uses (grant_id, number, project, environment, name, proposal_id,
                                              base_digest, digest)
           SELECT id, :number, project, environment, name, :proposal, :base, :digest FROM gatekeeper.grants
           RETURNING id""",
        number=number, proposal=event.proposal_id, base=event.base_digest, digest=event.digest,
    )  # fmt: skip
    await gate.sql(
        _HISTORY.format(cites="grant_use_id", values=":use"),
        environment="production", sequence=sequence, digest=event.digest, reason="promoted", use=row[0],
    )  # fmt: skip


def _reviewer(gate: World, **more: str) -> dict[str, str]:
    return {"raw": gate.keys["reviewer_key"], **more}


ATTACKS: dict[str, Attack] = {
    attack.__name__: attack
    for attack in (
        no_authorisation,
        two_authorisations,
        another_digest,
        another_environment,
        rejected_decision,
        expired,
        used_twice,
        stale_base,
        while_halted,
        sequence_gap,
        by_a_service,
        by_the_author,
        altered,
        grant_beyond_its_count,
        grant_outside_its_slot,
        rollback_to_a_version_never_live,
    )
}


@pytest.fixture
async def stage(gate: World) -> World:
    """ONE is live by a decision."""
    await gate.promote(ONE)
    return gate


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
async def test_guards_reject_forged_rows(stage: World, attack: Attack) -> None:
    with pytest.raises(DBAPIError):
        await attack(stage)
    async with stage.owner.connect() as conn:
        assert await violations(conn) == []


AUTHORISED = "ALTER TABLE gatekeeper.live_history DISABLE TRIGGER live_is_authorised"
AT_COMMIT = "ALTER TABLE gatekeeper.live_history DISABLE TRIGGER check_not_halted"
NO_CHANGE = "ALTER TABLE gatekeeper.rollbacks DISABLE TRIGGER check_rollback_change"
ONE_CITED = "ALTER TABLE gatekeeper.live_history DROP CONSTRAINT ck_live_history_one_authorisation"
BOUND = "ALTER TABLE gatekeeper.live_history DROP CONSTRAINT fk_live_history_decision"
UNIQUE = "ALTER TABLE gatekeeper.live_history DROP CONSTRAINT live_history_decision_id_key"
PERSONS = "ALTER TABLE gatekeeper.decisions DISABLE TRIGGER check_decision_insert"
SUBJECTS = "ALTER TABLE gatekeeper.people DISABLE TRIGGER check_person_insert"
COVERED = "ALTER TABLE gatekeeper.grant_uses DISABLE TRIGGER check_grant_use_insert"


def altered_function(name: str, said: str, instead: str) -> str:
    """Return SQL that replaces a text in the body of a function."""
    return f"""DO $do$ BEGIN EXECUTE replace(pg_get_functiondef(
        (SELECT oid FROM pg_proc WHERE proname = '{name}' AND pronamespace = 'gatekeeper'::regnamespace)),
        $said${said}$said$, $instead${instead}$instead$); END $do$"""


# An app's clock that is a day late, and a kill switch known only from an event.
APPS_CLOCK = altered_function("check_decision", "clock_timestamp()", "clock_timestamp() - interval '1 day'")
BY_EVENT_ALONE = altered_function("live_is_authorised", "gatekeeper.is_halted(NEW.project, NEW.environment)", "false")


@pytest.mark.parametrize(
    ("attack", "faults"),
    [
        (no_authorisation, (AUTHORISED, ONE_CITED)),
        (two_authorisations, (AUTHORISED, ONE_CITED, "ALTER TABLE gatekeeper.live_history DROP CONSTRAINT "
                              "ck_live_history_reason, DROP CONSTRAINT fk_live_history_rollback", NO_CHANGE)),
        (another_digest, (AUTHORISED, BOUND)),
        (another_environment, (AUTHORISED, BOUND)),
        (rejected_decision, (AUTHORISED, BOUND)),
        (expired, (AUTHORISED,)),
        pytest.param(expired, (APPS_CLOCK,), id="expiry by an app's clock"),
        (used_twice, (AUTHORISED, UNIQUE)),
        (stale_base, (AUTHORISED,)),
        (while_halted, (AUTHORISED, AT_COMMIT)),
        pytest.param(while_halted, (BY_EVENT_ALONE, AT_COMMIT), id="a kill switch through Kafka alone"),
        (sequence_gap, (AUTHORISED,)),
        (by_a_service, (PERSONS, AUTHORISED, SUBJECTS)),
        (by_the_author, (PERSONS, AUTHORISED, SUBJECTS)),
        (altered, (AUTHORISED,)),
        (grant_beyond_its_count, (COVERED,)),
        (grant_outside_its_slot, (COVERED,)),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)  # fmt: skip
async def test_attack_without_its_guard_succeeds_and_is_detected(
    stage: World, attack: Attack, faults: tuple[str, ...]
) -> None:
    for fault in faults:
        await stage.sql(fault)
    await attack(stage)
    async with stage.owner.connect() as conn:
        assert await violations(conn) != []
