"""A grant lets examples go live without a decision for each, within its limits, and nothing else."""

import asyncio
from typing import Any

import pytest
from sqlalchemy.exc import DBAPIError

from tests.support.gatekeeper import World, digest, document, few_shot, later, ready

BASE = document("Answer.", "shots", "other")


@pytest.fixture
async def granted(gate: World) -> World:
    """A live prompt with two slots, and a grant for `shots`: three uses, three per hour."""
    await gate.promote(BASE)
    assert (await gate.grant()).status_code == 201
    return gate


async def live(gate: World) -> dict[str, Any]:
    found = await gate.live()
    assert found is not None
    return found


async def test_covered_proposal_goes_live_at_once(granted: World) -> None:
    event = few_shot(BASE, ("2+2", "4"))
    await granted.arrive(event)
    now = await live(granted)
    assert now["digest"] == event.digest
    assert now["examples"] == {"shots": [{"input": "2+2", "output": "4"}]}
    assert now["authorisation"] | {"id": ""} == {"kind": "grant", "id": "", "by": "reviewer"}
    shown = (await granted.ask("maker_key", "GET", f"/v1/proposals/{event.proposal_id}")).json()
    assert (shown["state"], shown["grant"]["by"]) == ("approved", "reviewer")
    assert "proposal.decided" in [row[0] for row in await granted.sql("SELECT topic FROM gatekeeper.outbox")]
    kinds = [row[0] for row in await granted.sql("SELECT kind FROM gatekeeper.audit ORDER BY seq")]
    assert kinds[-2:] == ["proposal.opened", "prompt.promoted"]


async def test_without_a_grant_a_proposal_waits(gate: World) -> None:
    await gate.promote(BASE)
    event = few_shot(BASE, ("2+2", "4"))
    await gate.arrive(event)
    assert (await live(gate))["sequence"] == 1
    assert (await gate.grant()).status_code == 201, "a grant also covers open proposals"
    assert (await live(gate))["digest"] == event.digest


@pytest.mark.parametrize(
    "event",
    [
        few_shot(BASE, ("2+2", "4"), slot="other"),
        few_shot(document("Answer now.", "shots", "other"), ("2+2", "4"), base_digest=digest(BASE)),
        ready(document("Answer now.", "shots", "other"), BASE, kind="few_shot"),
        ready(document("Answer now.", "shots", "other"), BASE, kind="edit"),
        few_shot(BASE, ("2+2", "4"), environment="staging"),
        few_shot(BASE, ("2+2", "4"), name="another"),
    ],
    ids=["other slot", "other text too", "other text only", "other kind", "other environment", "other prompt"],
)
async def test_uncovered_proposal_waits(granted: World, event: Any) -> None:
    await granted.arrive(event)
    assert (await live(granted))["sequence"] == 1
    assert await granted.sql("SELECT count(*) FROM gatekeeper.grant_uses") == [(0,)]


async def test_examples_that_need_a_person_wait_without_blocking_others(granted: World) -> None:
    shown = few_shot(BASE, ("2+2", "4"), ("mine", "mine"), eligible=False)
    await granted.arrive(shown)
    assert (await live(granted))["sequence"] == 1
    await granted.arrive(few_shot(BASE, ("2+2", "4")))
    assert (await live(granted))["sequence"] == 2
    stuffed = few_shot((await live(granted))["document"], ("2+2", "4"), ("mine", "mine"), eligible=False)
    await granted.arrive(stuffed)
    assert (await live(granted))["sequence"] == 2
    with pytest.raises(DBAPIError, match="needs-person"):  # not even with all privileges on the table
        await granted.sql(
            """INSERT INTO gatekeeper.grant_uses (grant_id, number, project, environment, name, proposal_id,
                                                  base_digest, digest)
               SELECT g.id, 2, p.project, p.environment, p.name, p.id, p.base_digest, p.digest
               FROM gatekeeper.grants g, gatekeeper.proposals p WHERE p.id = :id""",
            id=stuffed.proposal_id,
        )
    proposal = (await granted.ask("maker_key", "GET", f"/v1/proposals/{stuffed.proposal_id}")).json()
    assert (await granted.decide(proposal)).status_code == 200
    both = (await live(granted))["document"]
    await granted.arrive(few_shot(both, ("mine", "mine"), eligible=False))
    assert (await live(granted))["sequence"] == 4, "an approved example needs no grant"


async def fill(gate: World, times: int) -> int:
    """Deliver proposals in turn, each based on the live version. Return the final sequence."""
    for number in range(times):
        await gate.arrive(few_shot((await live(gate))["document"], (f"{number}", "x")))
    return int((await live(gate))["sequence"])


async def test_a_grant_has_a_number_of_uses(gate: World) -> None:
    await gate.promote(BASE)
    await gate.grant(count=2, per_hour=100)
    assert await fill(gate, 4) == 3


async def test_a_grant_has_a_number_of_uses_per_hour(gate: World) -> None:
    await gate.promote(BASE)
    await gate.grant(count=100, per_hour=2)
    assert await fill(gate, 4) == 3
    await age(gate, "grant_uses", "used_at")
    assert await fill(gate, 3) == 5


async def test_a_grant_expires(gate: World) -> None:
    await gate.promote(BASE)
    await gate.grant()
    await age(gate, "grants", "given_at", "expires_at")
    assert await fill(gate, 1) == 1


async def age(gate: World, table: str, *columns: str) -> None:
    """Move rows two hours into the past, as an owner with disabled triggers can; recompute the grants' digests."""
    moved = ", ".join(f"{column} = {column} - interval '2 hours'" for column in columns)
    async with gate.owner.begin() as conn:
        await conn.exec_driver_sql("SET LOCAL session_replication_role = replica")
        await conn.exec_driver_sql(f"UPDATE gatekeeper.{table} SET {moved}")
        if table == "grants":
            await conn.exec_driver_sql(
                "UPDATE gatekeeper.grants g SET canonical = gatekeeper.canonical_grant(g),"
                " hash = gatekeeper.sha256_hex(gatekeeper.canonical_grant(g))"
            )


@pytest.mark.parametrize(("count", "per_hour"), [(2, 100), (100, 2)])
async def test_concurrent_proposals_do_not_exceed_a_grant(gate: World, count: int, per_hour: int) -> None:
    await gate.promote(BASE)
    await gate.grant(count=count, per_hour=per_hour)
    events = [few_shot(BASE, (f"{number}", "x")) for number in range(8)]
    await asyncio.gather(*(gate.arrive(event) for event in events))
    assert await gate.sql("SELECT count(*) FROM gatekeeper.grant_uses") == [(1,)], (
        "one replaces BASE, the others are outdated"
    )
    await fill(gate, 4)
    assert await gate.sql("SELECT count(*) FROM gatekeeper.grant_uses") == [(2,)]


async def test_revoking_a_grant_revokes_its_examples(granted: World) -> None:
    await granted.arrive(few_shot(BASE, ("2+2", "4")))
    await granted.arrive(few_shot((await live(granted))["document"], ("2+2", "4"), ("3+3", "6")))
    [grant] = (await granted.ask("maker_key", "GET", "/v1/grants")).json()["items"]
    assert (grant["used"], grant["revoked_at"]) == (2, None)
    answer = await granted.ask("reviewer_key", "POST", f"/v1/grants/{grant['id']}/revoke")
    assert answer.status_code == 200, answer.text
    now = await live(granted)
    assert (now["document"], now["reason"], now["examples"]) == (BASE, "example_revoked", {})
    await granted.arrive(few_shot(BASE, ("5+5", "10")))
    assert (await live(granted))["sequence"] == now["sequence"]


async def test_one_example_is_revoked_and_the_others_stay(granted: World) -> None:
    event = few_shot(BASE, ("2+2", "5"), ("3+3", "6"))
    await granted.arrive(event)
    await granted.ask("browser_key", "POST", "/v1/halt", {"reason": "smoke"})
    bad = event.example_sets[0].examples[0].digest
    answer = await granted.ask("second_key", "POST", f"/v1/examples/{bad}/revoke", {"reason": "wrong"})
    assert answer.status_code == 200, answer.text
    now = await live(granted)
    assert now["examples"] == {"shots": [{"input": "3+3", "output": "6"}]}
    assert (now["reason"], now["authorisation"]["kind"], now["authorisation"]["by"]) == (
        "example_revoked",
        "rollback",
        "second",
    )


async def test_revoked_example_cannot_be_added_again(granted: World) -> None:
    event = few_shot(BASE, ("2+2", "5"))
    await granted.arrive(event)
    bad = event.example_sets[0].examples[0].digest
    await granted.ask("reviewer_key", "POST", f"/v1/examples/{bad}/revoke", {"reason": ""})
    again = few_shot(BASE, ("2+2", "5"))
    await granted.arrive(again)
    assert (await live(granted))["document"] == BASE
    proposal = (await granted.ask("maker_key", "GET", f"/v1/proposals/{again.proposal_id}")).json()
    assert (await granted.decide(proposal)).json()["code"] == "example-revoked"
    back = await granted.ask(
        "reviewer_key", "POST", "/v1/prompts/greeting/rollback", {"to_digest": event.digest, "reason": ""}
    )
    assert (back.status_code, back.json()["code"]) == (409, "no-change"), "without the example it is what is live"


@pytest.mark.parametrize("parts", [{"count": 0}, {"per_hour": 0}, {"expires_at": later(-1)}, {"expires_at": "soon"}])
async def test_grant_without_limits_is_rejected(gate: World, parts: dict[str, Any]) -> None:
    answer = await gate.grant(**parts)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == next(iter(parts))
