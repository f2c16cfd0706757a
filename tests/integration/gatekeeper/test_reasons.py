"""Reasons of actions: stored, shown, and bound into the audit by their digest."""

from collections.abc import Awaitable, Callable
from hashlib import sha256
from typing import Any

import pytest

from tests.support.gatekeeper import World, digest, document, few_shot

ONE, TWO = document("One", "shots"), document("Two", "shots")
WHY = "It sounded rude: “nope” 🙅"
Act = Callable[[World], Awaitable[object]]


async def decide(gate: World, verdict: str) -> None:
    proposal = await gate.propose(TWO, digest(ONE))
    body = {"verdict": verdict, "reason": WHY, "digest": proposal["digest"]}
    answer = await gate.ask("reviewer_key", "POST", f"/v1/proposals/{proposal['id']}/decisions", body)
    shown = (await gate.ask("maker_key", "GET", f"/v1/proposals/{proposal['id']}")).json()["decision"]
    assert (answer.status_code, shown["reason"]) == (200, WHY)


async def approve(gate: World) -> None:
    await decide(gate, "approved")
    assert await _version(gate) == WHY


async def reject(gate: World) -> None:
    await decide(gate, "rejected")


async def ask_for_changes(gate: World) -> None:
    await decide(gate, "changes_requested")


async def roll_back(gate: World) -> None:
    await gate.promote(TWO, digest(ONE))
    await gate.ask("reviewer_key", "POST", "/v1/prompts/greeting/rollback", {"reason": WHY})
    assert await _version(gate) == WHY


async def halt(gate: World) -> None:
    await gate.ask("maker_key", "POST", "/v1/halt", {"reason": WHY})
    assert (await gate.ask("maker_key", "GET", "/v1/loop")).json()["reason"] == WHY


async def resume(gate: World) -> None:
    await gate.ask("maker_key", "POST", "/v1/halt", {"reason": "smoke"})
    await gate.ask("reviewer_key", "POST", "/v1/resume", {"reason": WHY})
    assert (await gate.ask("maker_key", "GET", "/v1/loop")).json()["reason"] == WHY


async def revoke_grant(gate: World) -> None:
    grant = (await gate.grant()).json()
    await gate.ask("reviewer_key", "POST", f"/v1/grants/{grant['id']}/revoke", {"reason": WHY})
    [shown] = (await gate.ask("maker_key", "GET", "/v1/grants")).json()["items"]
    assert shown["revoked_because"] == WHY


async def revoke_example(gate: World) -> None:
    event = few_shot(ONE, ("2+2", "4"))
    await gate.arrive(event)
    example = event.example_sets[0].examples[0].digest
    await gate.ask("reviewer_key", "POST", f"/v1/examples/{example}/revoke", {"reason": WHY})


async def revoke_key(gate: World) -> None:
    made = (await gate.ask("admin_key", "POST", "/v1/keys", {"subject": "bot", "scopes": ["read"]})).json()
    await gate.ask("admin_key", "POST", f"/v1/keys/{made['id']}/revoke", {"reason": WHY})


async def _version(gate: World) -> str:
    found = (await gate.ask("maker_key", "GET", "/v1/prompts/greeting/versions")).json()["items"][0]
    return str(found["authorisation"]["reason"])


ACTS: dict[str, Act] = {
    "proposal.decided": approve,
    "proposal.decided rejected": reject,
    "proposal.decided changes": ask_for_changes,
    "prompt.rolled_back": roll_back,
    "loop.halted": halt,
    "loop.resumed": resume,
    "grant.revoked": revoke_grant,
    "example.revoked": revoke_example,
    "key.revoked": revoke_key,
}


async def last_entry(gate: World, kind: str) -> dict[str, Any]:
    found = (await gate.ask("maker_key", "GET", f"/v1/audit?order=desc&kind={kind}&limit=1")).json()
    return dict(found["items"][0])


@pytest.mark.parametrize("act", ACTS)
async def test_a_reason_is_shown_and_bound_into_the_audit(gate: World, act: str) -> None:
    await gate.promote(ONE)
    await ACTS[act](gate)
    entry = await last_entry(gate, act.split()[0])
    assert entry["reason"] == WHY
    assert entry["reason_digest"] == "sha256:" + sha256(WHY.encode()).hexdigest()
    assert not await is_in_the_chain(gate, WHY), "the chain itself contains no text of people"
    assert (await gate.ask("maker_key", "GET", "/v1/audit/verify")).json()["ok"]


async def is_in_the_chain(gate: World, words: str) -> bool:
    [chained] = await gate.sql("SELECT string_agg(entry, '') FROM gatekeeper.audit")
    return words in chained[0]


async def test_plain_text_in_the_chain_is_detected(gate: World) -> None:
    """The test itself is tested: this `decide` writes the reason into the audit."""
    call = "gatekeeper.save_reason(d.project, d.reason)"
    [row] = await gate.sql("SELECT pg_get_functiondef(oid) FROM pg_proc WHERE proname = 'decide'")
    assert row[0].count(call) == 1
    defective = row[0].replace(call, f"{call} || jsonb_build_object('why', d.reason)")
    async with gate.owner.begin() as conn:
        await conn.exec_driver_sql(defective.replace("%", "%%"))
    await gate.promote(ONE)
    await approve(gate)
    assert await is_in_the_chain(gate, WHY)


async def test_altered_reason_is_detected(gate: World) -> None:
    await halt(gate)
    await gate.sql("ALTER TABLE gatekeeper.reasons DISABLE TRIGGER USER, DROP CONSTRAINT ck_reasons_digest")
    await gate.sql("UPDATE gatekeeper.reasons SET content = 'all is well'")
    assert not (await gate.ask("maker_key", "GET", "/v1/audit/verify")).json()["ok"]


@pytest.mark.parametrize("path", ["/v1/grants/00000000-0000-0000-0000-000000000000/revoke", "/v1/keys/none/revoke"])
async def test_no_field_is_silently_ignored(gate: World, path: str) -> None:
    for body, field in (({"why": "x"}, "why"), ({"reason": 7}, "reason"), ({"reason": "x" * 2001}, "reason")):
        answer = await gate.ask("admin_key", "POST", path, body)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)
    assert (await gate.ask("admin_key", "POST", path)).status_code == 404, "a reason is optional"
