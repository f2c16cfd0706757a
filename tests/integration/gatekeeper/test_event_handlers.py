"""Handlers: observations, withdrawals in any order, repeats, and proposals with wrong digests."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from gatekeeper.handlers.observations import on_observed
from gatekeeper.handlers.proposals import ProposalHandlers
from shared.errors import Permanent
from shared.events.feedback import PromptObserved
from shared.events.proposals import ProposalWithdrawn
from shared.messaging.erased_subjects import ErasedSubjects
from shared.messaging.sql_store import SqlStore
from shared.runtime.clock import SystemClock
from tests.support.gatekeeper import NEVER, World, digest, document, few_shot, ready, received

ONE, TWO = document("One", "shots"), document("Two")
SCOPE = {"project": "default", "environment": "production", "target": "bot"}


async def observe(gate: World, seen: str, words: dict[str, Any] | None) -> None:
    now = datetime.now(UTC)
    event = PromptObserved(**SCOPE, name="greeting", digest=seen, document=words, first_seen=now)
    async with SqlStore(gate.service, "gatekeeper").begin() as tx:
        await on_observed(tx, [received(event), received(event)])


async def withdraw(gate: World, proposal_id: object, **scope: str) -> None:
    event = ProposalWithdrawn(**{**SCOPE, **scope}, proposal_id=proposal_id, revision=2, reason="superseded")
    handle = ProposalHandlers(gate.signer, SystemClock(), ErasedSubjects("gatekeeper")).on_withdrawn
    async with SqlStore(gate.service, "gatekeeper").begin() as tx:
        await handle(tx, [received(event)])


async def state(gate: World, proposal_id: object) -> str:
    return str((await gate.ask("maker_key", "GET", f"/v1/proposals/{proposal_id}")).json()["state"])


@pytest.mark.parametrize(
    ("seen", "words", "known"),
    [
        (digest(ONE), ONE, True),
        (digest(ONE), None, False),
        (digest(ONE), TWO, False),
        (NEVER, {"schema": "x"}, False),
    ],
    ids=["true", "no content", "other content", "no prompt"],
)
async def test_observed_content_is_stored_only_with_its_digest(
    gate: World, seen: str, words: dict[str, Any] | None, known: bool
) -> None:
    await observe(gate, seen, words)
    [item] = (await gate.ask("maker_key", "GET", "/v1/prompts")).json()["items"]
    [shown] = item["observed"]
    assert (item["live"], shown["digest"], shown["content_known"], shown["reviewed"]) == (None, seen, known, False)


async def test_a_withdrawn_proposal_can_not_be_approved(gate: World) -> None:
    event = ready(ONE, None, kind="first_version")
    await gate.arrive(event)
    await withdraw(gate, event.proposal_id)
    assert await state(gate, event.proposal_id) == "withdrawn"
    answer = await gate.decide({"id": event.proposal_id, "digest": event.digest})
    assert answer.json()["code"] == "withdrawn"


async def test_a_withdrawal_may_arrive_first_and_repeatedly(gate: World) -> None:
    event = ready(ONE, None, kind="first_version")
    await withdraw(gate, event.proposal_id)
    await gate.arrive(event)
    await withdraw(gate, event.proposal_id)
    assert await state(gate, event.proposal_id) == "withdrawn"


async def test_a_withdrawal_after_the_decision_changes_nothing(gate: World) -> None:
    event = ready(ONE, None, kind="first_version")
    await gate.arrive(event)
    await gate.decide({"id": event.proposal_id, "digest": event.digest})
    await withdraw(gate, event.proposal_id)
    assert await state(gate, event.proposal_id) == "approved"


async def test_repeated_event_is_processed_once(gate: World) -> None:
    await gate.promote(ONE)
    await gate.grant()
    event = few_shot(ONE, ("2+2", "4"))
    for _ in range(3):
        await gate.arrive(event)
    assert await gate.sql("SELECT count(*) FROM gatekeeper.grant_uses") == [(1,)]


async def test_a_proposal_with_a_wrong_digest_is_dead_lettered(gate: World) -> None:
    with pytest.raises(Permanent):
        await gate.arrive(ready(ONE, None, kind="first_version").model_copy(update={"digest": NEVER}))


async def test_a_withdrawal_for_an_unknown_project_is_dead_lettered(gate: World) -> None:
    with pytest.raises(Permanent, match="unknown-project"):
        await withdraw(gate, uuid4(), project="nowhere")
