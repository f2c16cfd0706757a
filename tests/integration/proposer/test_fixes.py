"""Fixes: from a regression to a proposal, and its withdrawal."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from ratchet.prompt import Prompt, parse
from shared.events import Envelope, derived_id
from shared.events.base import Event
from shared.events.feedback import PromptObserved
from shared.events.proposals import ProposalDecided, ProposalReady, ProposalWithdrawn, Verdict
from shared.events.quality import Cause, RegressionResolved
from tests.support.proposer import NOW, bisected, cause, live, prompt, regression
from tests.support.proposer_service import Proposer

GOOD = prompt("You are a clerk.", "Cite your sources.", "Be brief.")
BAD = prompt("You are a clerk.", "Be brief.", "Use emojis.")
FIXED = prompt("You are a clerk.", "Cite your sources.", "Be brief.", "Use emojis.")
FELL = regression(cause(GOOD.digest, BAD.digest))
OUTCOME = "SELECT proposal_id, reason, state FROM proposer.regressions"


def observed(document: Prompt, *, documented: bool = True, minutes: int = 0) -> PromptObserved:
    return PromptObserved(
        project="acme", environment="production", target="bot", name="answer", digest=document.digest,
        document=document.to_dict() if documented else None, first_seen=NOW + timedelta(minutes=minutes),
    )  # fmt: skip


def resolved(revision: int = 2) -> RegressionResolved:
    return RegressionResolved(
        project="acme", environment="production", target="bot", regression_id=FELL.regression_id,
        revision=revision, metric="thumb", baseline=FELL.baseline, current=FELL.baseline,
        resolved_by=Cause(kind="unknown", evidence="It recovered."),
    )  # fmt: skip


def decided(proposal: ProposalReady, verdict: Verdict) -> ProposalDecided:
    return ProposalDecided(
        project="acme", environment="production", target="bot", proposal_id=proposal.proposal_id, revision=2,
        verdict=verdict, name="answer", digest=proposal.digest, by="ada", decision_id=uuid4(),
    )  # fmt: skip


async def test_a_regression_leads_to_the_smallest_fix(proposer: Proposer) -> None:
    await proposer.deliver(observed(GOOD), observed(BAD, minutes=1))
    await proposer.deliver(FELL)
    (ready,) = await proposer.emitted()
    assert (ready.kind, ready.base_digest, ready.digest) == ("restore", BAD.digest, FIXED.digest)
    assert parse(ready.document) == FIXED
    assert parse(ready.rollback) == BAD
    assert await proposer.rows(OUTCOME) == [(ready.proposal_id, None, "open")]


async def test_bisection_of_the_edit_is_requested_once(proposer: Proposer) -> None:
    await proposer.deliver(observed(GOOD), observed(BAD, minutes=1))
    await proposer.deliver(FELL, regression(*FELL.causes, revision=2))
    (request,) = await proposer.requested_bisections()
    assert (request.regression_id, request.good_digest, request.bad_digest) == (
        FELL.regression_id, GOOD.digest, BAD.digest,
    )  # fmt: skip
    assert (request.good, request.bad) == (GOOD.to_dict(), BAD.to_dict())
    assert request.execution_ids == ("e1", "e2")


async def test_bisected_fix_supersedes_that_of_the_rule(proposer: Proposer) -> None:
    smaller = prompt("You are a clerk.", "Cite your sources.", "Use emojis.")
    await proposer.deliver(observed(GOOD), observed(BAD, minutes=1))
    await proposer.deliver(FELL)
    found = bisected(FELL.regression_id, GOOD, BAD, smaller)
    await proposer.deliver(found, found)
    rule, withdrawal, ready = await proposer.emitted()
    assert (withdrawal.proposal_id, withdrawal.reason) == (rule.proposal_id, "superseded")
    assert (ready.kind, ready.digest, ready.base_digest) == ("restore", smaller.digest, BAD.digest)
    assert ready.evidence.summary.startswith("Undoes 1 of 3 changes, which made answers to golden cases worse")
    assert await proposer.rows(OUTCOME) == [(ready.proposal_id, None, "open")]


@pytest.mark.parametrize("fields", [{}, {"outcome": "unavailable", "document": None}])
async def test_open_fix_stays_if_the_bisection_finds_the_same_or_nothing(
    proposer: Proposer, fields: dict[str, Any]
) -> None:
    await proposer.deliver(observed(GOOD), observed(BAD, minutes=1))
    await proposer.deliver(FELL)
    await proposer.deliver(bisected(FELL.regression_id, GOOD, BAD, FIXED, **fields))
    assert len(await proposer.emitted()) == 1


async def test_bisection_that_was_not_requested_changes_nothing(proposer: Proposer) -> None:
    await proposer.deliver(bisected(FELL.regression_id, GOOD, BAD, FIXED))
    assert await proposer.rows("SELECT * FROM proposer.bisections") == []


async def test_repeated_events_make_one_proposal(proposer: Proposer) -> None:
    await proposer.deliver(observed(GOOD), observed(BAD, minutes=1))
    same: Envelope[Event] = Envelope(uuid4(), NOW, "test", FELL, "c")
    await proposer.deliver_envelopes([same])
    await proposer.deliver_envelopes([same])
    await proposer.deliver(FELL, regression(*FELL.causes, revision=2))
    await proposer.deliver(observed(GOOD))
    assert len(await proposer.emitted()) == 1


async def test_unknown_document_delays_the_proposal(proposer: Proposer) -> None:
    await proposer.deliver(observed(BAD))
    await proposer.deliver(FELL)
    assert await proposer.rows(OUTCOME) == [(None, "content-unknown", "open")]
    await proposer.deliver(observed(GOOD, documented=False))
    assert await proposer.emitted() == []
    await proposer.deliver(observed(GOOD))
    (ready,) = await proposer.emitted()
    assert await proposer.rows(OUTCOME) == [(ready.proposal_id, None, "open")]


async def test_document_with_a_wrong_digest_is_ignored(proposer: Proposer) -> None:
    claimed = observed(GOOD).model_copy(update={"document": FIXED.to_dict()})
    broken = observed(GOOD).model_copy(update={"document": {"schema": "other"}})
    await proposer.deliver(observed(BAD), claimed, broken)
    await proposer.deliver(FELL)
    assert await proposer.rows(OUTCOME) == [(None, "content-unknown", "open")]


@pytest.mark.parametrize(
    ("causes", "reason"),
    [((), "cause-unknown"), ((cause("small", "large", kind="model", name=None),), "not-a-prompt")],
)
async def test_regression_without_a_prompt_cause_has_no_fix(
    proposer: Proposer, causes: tuple[Cause, ...], reason: str
) -> None:
    await proposer.deliver(regression(*causes))
    await proposer.deliver(resolved())
    assert await proposer.emitted() == []
    assert await proposer.rows(OUTCOME) == [(None, reason, "resolved")]


async def drafted(proposer: Proposer) -> ProposalReady:
    """Deliver `FELL` while its base is live. Return the proposal."""
    await proposer.deliver(live(GOOD, 1), live(BAD, 2))
    await proposer.deliver(FELL)
    (ready,) = await proposer.drain_emitted()
    assert isinstance(ready, ProposalReady)
    return ready


async def test_a_recovery_withdraws_the_fix(proposer: Proposer) -> None:
    ready = await drafted(proposer)
    await proposer.deliver(resolved())
    (gone,) = await proposer.emitted()
    assert isinstance(gone, ProposalWithdrawn)
    assert (gone.proposal_id, gone.revision, gone.reason) == (ready.proposal_id, 2, "resolved")
    await proposer.deliver(FELL)
    assert len(await proposer.emitted()) == 1, "an older revision changes nothing"


async def test_fix_is_withdrawn_with_its_base_and_proposed_again_with_it(proposer: Proposer) -> None:
    ready = await drafted(proposer)
    await proposer.deliver(live(prompt("Something else."), 3))
    (gone,) = await proposer.drain_emitted()
    assert (gone.proposal_id, gone.reason) == (ready.proposal_id, "base_changed")
    assert await proposer.rows(OUTCOME) == [(ready.proposal_id, "base-changed", "open")]
    await proposer.deliver(live(BAD, 2))
    assert await proposer.drain_emitted() == [], "a lower sequence is ignored"
    await proposer.deliver(live(BAD, 4))
    (again,) = await proposer.emitted()
    assert again.proposal_id != ready.proposal_id, "a withdrawal is final"
    assert (again.digest, again.revision) == (ready.digest, 1)


async def test_manual_rollback_withdraws_the_fix(proposer: Proposer) -> None:
    await drafted(proposer)
    await proposer.deliver(live(GOOD, 3, reason="rolled_back"))
    (gone,) = await proposer.emitted()
    assert gone.reason == "base_changed"
    assert (await proposer.rows(OUTCOME))[0].reason == "already-fixed"


@pytest.mark.parametrize("live_first", [True, False])
async def test_an_approved_fix_is_not_withdrawn_when_it_goes_live(proposer: Proposer, live_first: bool) -> None:
    ready = await drafted(proposer)
    for event in sorted((live(FIXED, 3), decided(ready, "approved")), key=lambda e: e.topic, reverse=not live_first):
        await proposer.deliver(event)
    assert await proposer.emitted() == []
    assert await proposer.rows(OUTCOME) == [(ready.proposal_id, "already-fixed", "open")] or not live_first
    await proposer.deliver(resolved())
    assert await proposer.emitted() == []


async def test_a_rejected_fix_is_not_proposed_again(proposer: Proposer) -> None:
    ready = await drafted(proposer)
    await proposer.deliver(decided(ready, "rejected"))
    await proposer.deliver(regression(*FELL.causes, revision=2))
    await proposer.deliver(live(prompt("Something else."), 3))
    await proposer.deliver(live(BAD, 4))
    assert await proposer.emitted() == []


@pytest.mark.parametrize("other", range(4))
async def test_one_fix_for_two_metrics_broken_by_one_edit(proposer: Proposer, other: int) -> None:
    """The order of the proposals' ids must not matter: with four of them, both orders occur."""
    ready = await drafted(proposer)
    second = regression(*FELL.causes, regression_id=derived_id("regression", f"other {other}"), metric="rating")
    await proposer.deliver(second)
    assert await proposer.drain_emitted() == []
    assert {row.proposal_id for row in await proposer.rows(OUTCOME)} == {ready.proposal_id}
    await proposer.deliver(decided(ready, "rejected"))
    await proposer.deliver(live(prompt("Something else."), 3), live(BAD, 4))
    assert await proposer.emitted() == [], "a person rejected exactly that change"


async def test_the_other_regression_keeps_the_fix_when_the_first_recovers(proposer: Proposer) -> None:
    ready = await drafted(proposer)
    second = regression(*FELL.causes, regression_id=derived_id("regression", "other"), metric="rating")
    await proposer.deliver(second)
    await proposer.deliver(resolved())
    gone, again = await proposer.drain_emitted()
    assert (gone.proposal_id, gone.reason) == (ready.proposal_id, "resolved")
    assert (again.digest, again.evidence.regression_id) == (ready.digest, second.regression_id)


async def test_another_cause_of_the_same_regression_supersedes_the_fix(proposer: Proposer) -> None:
    asking = prompt("You are a clerk.", "Be brief.", "Use emojis.", "Ask back.")
    await proposer.deliver(observed(GOOD), observed(BAD, minutes=1), observed(asking))
    await proposer.deliver(FELL)
    await proposer.deliver(regression(cause(asking.digest, BAD.digest), revision=2))
    first, gone, second = await proposer.emitted()
    assert (gone.proposal_id, gone.reason) == (first.proposal_id, "superseded")
    assert second.digest == asking.digest


async def test_proposal_too_large_for_a_message_is_not_proposed(proposer: Proposer) -> None:
    lines = [f"\\{'x' * 90}{number}" for number in range(1100)]
    good, bad = prompt(*lines), prompt(*lines[1:])
    huge: Any = regression(
        cause(good.digest, bad.digest), affected_executions=tuple(f"{'e' * 120}{n}" for n in range(6000))
    )
    await proposer.deliver(observed(good), observed(bad, minutes=1))
    await proposer.deliver(huge)
    assert await proposer.emitted() == []
    assert await proposer.rows(OUTCOME) == [(None, "too-large", "open")]


async def test_two_instances_draft_one_proposal(engine: AsyncEngine) -> None:
    one, two = Proposer(engine), Proposer(engine)
    await one.deliver(observed(GOOD), observed(BAD, minutes=1))
    others = [regression(*FELL.causes, revision=n, regression_id=FELL.regression_id) for n in range(1, 9)]
    await asyncio.gather(*(p.deliver(event) for event in others for p in (one, two)))
    assert [event.proposal_id for event in await one.emitted()] == [
        derived_id("proposal", str(FELL.regression_id), BAD.digest, FIXED.digest)
    ]
