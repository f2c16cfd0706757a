"""Decisions: permission, number of uses, and expiry."""

import asyncio

import pytest

from ratchet.signing import live_bytes, verify
from tests.support.gatekeeper import NEVER, World, digest, document

HELLO, BYE = document("Hello"), document("Bye")


async def test_approval_makes_exactly_that_version_live_and_signs_it(gate: World) -> None:
    proposal = await gate.propose(HELLO)
    answer = await gate.decide(proposal)
    assert answer.status_code == 200
    live = await gate.live()
    assert live is not None
    assert (live["digest"], live["sequence"], live["document"]) == (digest(HELLO), 1, HELLO)
    assert live["authorisation"]["kind"] == "decision"
    assert live["authorisation"]["by"] == "reviewer"
    assert verify(gate.signer.public, live_bytes(live), live["signature"]["value"])


async def test_an_approval_emits_the_decision_and_the_live_version(gate: World) -> None:
    await gate.promote(HELLO)
    topics = [row[0] for row in await gate.sql("SELECT topic FROM gatekeeper.outbox ORDER BY id")]
    assert topics[-2:] == ["prompt.live", "proposal.decided"]


async def test_a_decision_tells_its_reason_without_personal_data(gate: World) -> None:
    await gate.decide(await gate.propose(HELLO), verdict="rejected", reason="Ask ann@mail.example first")
    [(told,)] = await gate.sql("SELECT messages FROM gatekeeper.outbox WHERE topic = 'proposal.decided'")
    assert b'"reason":"Ask [email] first"' in bytes(told)


@pytest.mark.parametrize("verdict", ["rejected", "changes_requested"])
async def test_a_rejection_makes_nothing_live(gate: World, verdict: str) -> None:
    answer = await gate.decide(await gate.propose(HELLO), verdict=verdict)
    assert answer.json()["proposal"]["state"] == verdict
    assert await gate.live() is None


async def test_a_decision_about_one_digest_does_not_promote_another(gate: World) -> None:
    answer = await gate.decide(await gate.propose(HELLO), about=digest(BYE))
    assert (answer.status_code, answer.json()["code"]) == (409, "digest-mismatch")
    assert await gate.live() is None


async def test_authors_do_not_decide_about_their_own_proposals(gate: World) -> None:
    proposal = await gate.propose(HELLO, by="second_key")
    answer = await gate.decide(proposal, by="second_key")
    assert (answer.status_code, answer.json()["code"]) == (403, "own-proposal")
    assert await gate.live() is None


@pytest.mark.parametrize("key", ["ingest_key", "browser_key", "maker_key"])
async def test_only_a_person_who_may_review_decides(gate: World, key: str) -> None:
    answer = await gate.decide(await gate.propose(HELLO), by=key)
    assert answer.status_code == 403
    assert await gate.live() is None


async def test_a_proposal_is_decided_once(gate: World) -> None:
    proposal = await gate.propose(HELLO)
    await gate.decide(proposal)
    again = await gate.decide(proposal)
    assert (again.status_code, again.json()["code"]) == (409, "already-decided")
    assert (await gate.live() or {})["sequence"] == 1


async def test_one_of_concurrent_approvals_succeeds(gate: World) -> None:
    proposal = await gate.propose(HELLO)
    answers = await asyncio.gather(
        *(gate.decide(proposal, by=key) for key in ("reviewer_key", "second_key") for _ in range(4))
    )
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 7
    assert await gate.sql("SELECT count(*) FROM gatekeeper.live_history") == [(1,)]


async def test_outdated_base_is_rejected_atomically(gate: World) -> None:
    stale = await gate.propose(BYE)
    await gate.promote(HELLO)
    answer = await gate.decide(stale)
    assert (answer.status_code, answer.json()["code"]) == (409, "base-changed")
    assert await gate.sql("SELECT count(*) FROM gatekeeper.decisions") == [(1,)]
    assert (await gate.ask("maker_key", "GET", f"/v1/proposals/{stale['id']}")).json()["state"] == "open"


async def test_first_version_may_replace_only_an_observed_version(gate: World) -> None:
    refused = await gate.decide(await gate.propose(BYE, base=NEVER))
    assert refused.json()["code"] == "base-changed"
    await gate.sql(
        "INSERT INTO gatekeeper.observed VALUES ('default', 'production', 'greeting', :digest, 'bot', now())",
        digest=digest(HELLO),
    )
    assert (await gate.promote(BYE, base=digest(HELLO)))["sequence"] == 1


async def test_while_halted_nothing_is_promoted_and_any_person_may_halt(gate: World) -> None:
    proposal = await gate.propose(HELLO)
    for key in ("browser_key", "ingest_key"):
        assert (await gate.ask(key, "POST", "/v1/halt", {"reason": "smoke"})).status_code == 403
    halted = await gate.ask("maker_key", "POST", "/v1/halt", {"reason": "smoke"})
    assert halted.json()["halted"] is True
    assert (await gate.decide(proposal)).json()["code"] == "halted"
    assert (await gate.ask("maker_key", "POST", "/v1/resume", {"reason": "fine"})).status_code == 403
    assert (await gate.ask("second_key", "POST", "/v1/resume", {"reason": "fine"})).json()["halted"] is False
    assert (await gate.decide(proposal)).status_code == 200


async def test_same_idempotency_key_gives_the_same_proposal(gate: World) -> None:
    body = {"name": "greeting", "target": "bot", "base_digest": None, "document": HELLO, "why": "because"}
    headers = {"Idempotency-Key": "k"}
    first, second = [await gate.ask("maker_key", "POST", "/v1/proposals", body, headers=headers) for _ in range(2)]
    assert first.json()["id"] == second.json()["id"]
    changes = ({"document": BYE}, {"name": "bye"}, {"target": "other"}, {"why": "for another reason"})
    for change in changes:
        other = await gate.ask("maker_key", "POST", "/v1/proposals", {**body, **change}, headers=headers)
        assert (other.status_code, other.json()["code"]) == (422, "idempotency-mismatch"), change
