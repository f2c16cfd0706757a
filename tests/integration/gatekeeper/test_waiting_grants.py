"""A grant is used for proposals that are open already, once it covers them."""

import asyncio
from datetime import UTC, datetime
from uuid import UUID

import pytest
from sqlalchemy.exc import OperationalError

from gatekeeper import maintenance
from gatekeeper.maintenance import use_waiting_grants
from gatekeeper.use_cases.grants import use_grant
from gatekeeper.use_cases.unit_of_work import UnitOfWork, UnitOfWorkFactory
from shared.events.promotion import PromptLive
from shared.messaging.sql_store import SqlStore
from shared.runtime.clock import SystemClock
from tests.integration.gatekeeper.test_evaluations import completed, handle
from tests.integration.gatekeeper.test_grants import age, fill
from tests.support.gatekeeper import World, digest, document, few_shot

BASE = document("Answer.", "shots")


async def use_waiting(gate: World) -> int:
    """Look for waiting proposals once; return how many went live, which is what clients were notified of."""
    notified: list[object] = []
    units = UnitOfWorkFactory(SqlStore(gate.service, "gatekeeper"), SystemClock(), gate.signer)
    count = await use_waiting_grants(units, notified.extend)
    assert len(notified) == count
    return count


async def sequence(gate: World) -> int:
    found = await gate.live()
    assert found is not None
    return int(found["sequence"])


async def set_rule(gate: World, rule: str) -> None:
    body = {"target": "bot", "rule": rule, "reason": "r"}
    assert (await gate.ask("admin_key", "POST", "/v1/evaluation-rules", body)).status_code == 200


@pytest.fixture
async def granted(gate: World) -> World:
    await gate.promote(BASE)
    assert (await gate.grant(per_hour=1)).status_code == 201
    return gate


async def test_after_a_halt(granted: World) -> None:
    assert (await granted.ask("maker_key", "POST", "/v1/halt", {"reason": "r"})).status_code == 200
    await granted.arrive(few_shot(BASE, ("2+2", "4")))
    assert await use_waiting(granted) == 0
    assert (await granted.ask("reviewer_key", "POST", "/v1/resume", {"reason": "r"})).status_code == 200
    assert [await use_waiting(granted), await use_waiting(granted), await sequence(granted)] == [1, 0, 2]
    shown = (await granted.ask("maker_key", "GET", "/v1/audit?order=asc")).json()["items"]
    assert [entry["kind"] for entry in shown][-1] == "prompt.promoted"


async def test_after_an_hour_with_all_its_uses(granted: World) -> None:
    assert await fill(granted, 2) == 2
    assert await use_waiting(granted) == 0
    await age(granted, "grant_uses", "used_at")
    assert [await use_waiting(granted), await use_waiting(granted), await sequence(granted)] == [1, 0, 3]


async def test_after_another_rule_about_evaluations(granted: World) -> None:
    await set_rule(granted, "required")
    await granted.arrive(few_shot(BASE, ("2+2", "4")))
    assert await use_waiting(granted) == 0
    await set_rule(granted, "advisory")
    assert [await use_waiting(granted), await use_waiting(granted), await sequence(granted)] == [1, 0, 2]


@pytest.mark.parametrize(("verdict", "live"), [("fail", 0), ("inconclusive", 0), ("pass", 1)])
async def test_only_if_its_last_verdict_passed(granted: World, verdict: str, live: int) -> None:
    """Also where evaluations are advisory: nobody looked at the proposal since it failed."""
    assert (await granted.ask("maker_key", "POST", "/v1/halt", {"reason": "r"})).status_code == 200
    event = few_shot(BASE, ("2+2", "4"))
    await granted.arrive(event)
    result = completed(
        event.proposal_id,
        base_digest=digest(BASE),
        digest=event.digest,
        completed_at=datetime.now(UTC),
        verdict=verdict,
    )
    await handle(granted, result)
    assert (await granted.ask("reviewer_key", "POST", "/v1/resume", {"reason": "r"})).status_code == 200
    assert [await use_waiting(granted), await sequence(granted)] == [live, 1 + live]


async def test_error_of_one_proposal_leaves_the_others(granted: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await set_rule(granted, "required")
    events = [few_shot(BASE, ("2+2", "4")), few_shot(BASE, ("3+3", "6"))]
    for event in events:
        await granted.arrive(event)
    await set_rule(granted, "advisory")

    async def fail_first(unit: UnitOfWork, project: str, environment: str, proposal_id: UUID) -> list[PromptLive]:
        if proposal_id == events[0].proposal_id:
            raise OperationalError("lock timeout", None, Exception())
        return await use_grant(unit, project, environment, proposal_id)

    monkeypatch.setattr(maintenance, "use_grant", fail_first)
    assert [await use_waiting(granted), await sequence(granted)] == [1, 2]


async def test_not_once_the_grant_is_revoked_or_the_proposal_is_decided(gate: World) -> None:
    await gate.promote(BASE)
    given = (await gate.grant()).json()
    await set_rule(gate, "required")
    event = few_shot(BASE, ("2+2", "4"))
    await gate.arrive(event)
    proposal = (await gate.ask("maker_key", "GET", f"/v1/proposals/{event.proposal_id}")).json()
    other = few_shot(BASE, ("3+3", "6"))
    await gate.arrive(other)
    assert (await gate.decide(proposal, verdict="rejected")).status_code == 200
    assert (await gate.ask("reviewer_key", "POST", f"/v1/grants/{given['id']}/revoke", {"reason": "r"})).is_success
    await set_rule(gate, "advisory")
    assert [await use_waiting(gate), await sequence(gate)] == [0, 1]


async def test_a_verdict_a_grant_and_several_looks_at_once_make_it_live_once(gate: World) -> None:
    await gate.promote(BASE)
    await set_rule(gate, "required")
    assert (await gate.grant()).status_code == 201
    event = few_shot(BASE, ("2+2", "4"))
    await gate.arrive(event)
    verdict = completed(
        event.proposal_id, base_digest=digest(BASE), digest=event.digest, completed_at=datetime.now(UTC), verdict="pass"
    )
    looks = (use_waiting(gate) for _ in range(4))
    counts = await asyncio.gather(*looks, gate.grant(), handle(gate, verdict), use_waiting(gate))
    assert sum(count for count in counts if isinstance(count, int)) <= 1
    assert await use_waiting(gate) == 0
    assert await sequence(gate) == 2
    assert await gate.sql("SELECT count(*) FROM gatekeeper.grant_uses") == [(1,)]
    topics = [row[0] for row in await gate.sql("SELECT topic FROM gatekeeper.outbox")]
    assert topics.count("proposal.decided") == 2, "those of the first version, and of this one"
