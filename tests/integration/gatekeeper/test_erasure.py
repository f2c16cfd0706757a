"""Erasure of a user from the gatekeeper: no example with their text is live, stored or proposed; the audit verifies."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy.exc import DBAPIError

from gatekeeper.bootstrap import bootstrap
from gatekeeper.handlers.erasures import erasure_handler
from ratchet.prompt import example_digest
from shared.errors import Permanent
from shared.events.erasure import ErasureCompleted, ErasureRequested
from shared.messaging.erased_subjects import ErasedSubjects
from shared.messaging.sql_store import SqlStore
from shared.runtime.clock import SystemClock
from tests.support.erasure import tables_with
from tests.support.gatekeeper import KEYS, World, document, few_shot, received
from tests.support.gatekeeper import digest as digest_of
from tests.support.messaging import async_dsn

BASE = document("Answer.", "shots")
MARKER = "zanzibarverse"
MINE, OTHER = (f"what is {MARKER}", f"a {MARKER}"), ("2+2", "4")


async def erase(gate: World, subject: str = "k1:mine", erasure_id: UUID | None = None, **parts: Any) -> dict[str, int]:
    """Handle a request as delivery does. Return what was reported."""
    values: dict[str, Any] = {"by": "admin", "key_id": gate.key_id("admin_key"), **parts}
    event = ErasureRequested(
        project="default", environment="production", erasure_id=erasure_id or uuid4(), subject=subject,
        requested_at=datetime.now(UTC), **values,
    )  # fmt: skip
    handler = erasure_handler(gate.signer, ErasedSubjects("gatekeeper"), SystemClock())
    async with SqlStore(gate.service, "gatekeeper").begin() as tx:
        await handler.on_requested(tx, [received(event)])
    rows = await gate.sql(
        "SELECT payload FROM gatekeeper.outbox_messages WHERE topic = 'erasure.completed' ORDER BY id DESC LIMIT 1"
    )
    return ErasureCompleted.model_validate_json(rows[0].payload).erased


async def serve_both(gate: World) -> dict[str, Any]:
    """Make an example of the user and one of somebody else live, in two steps. Return the live version."""
    await gate.promote(BASE)
    assert (await gate.grant()).status_code == 201
    await gate.arrive(few_shot(BASE, MINE, user="k1:mine"))
    live = await gate.live()
    assert live is not None
    both = few_shot(live["document"], MINE, OTHER, user="k1:mine")
    examples = both.example_sets[0].examples
    mixed = both.example_sets[0].model_copy(
        update={"examples": (examples[0], examples[1].model_copy(update={"user": "k1:other"}))}
    )
    await gate.arrive(both.model_copy(update={"example_sets": (mixed,)}))
    live = await gate.live()
    assert live is not None
    assert [each["input"] for each in live["examples"]["shots"]] == [MINE[0], OTHER[0]]
    return live


async def test_live_version_goes_on_without_the_example_and_its_text_is_nowhere(gate: World) -> None:
    before = await serve_both(gate)
    hits = await tables_with(gate.dsn, MARKER)
    assert hits.keys() == {"gatekeeper.examples", "gatekeeper.proposals", "gatekeeper.outbox"}
    erased = await erase(gate)
    assert await tables_with(gate.dsn, MARKER) == {}
    assert (await tables_with(gate.dsn, "k1:mine")).keys() == {"gatekeeper.erased_subjects", "gatekeeper.outbox"}
    assert erased == {
        "examples": 1, "proposals": 0, "live_versions": 1, "live_messages": 2, "outbox_messages": 0, "dead_letters": 0,
    }  # fmt: skip
    live = await gate.live()
    assert live is not None
    assert (live["sequence"], live["reason"]) == (before["sequence"] + 1, "example_revoked")
    assert [each["input"] for each in live["examples"]["shots"]] == [OTHER[0]]
    verified = (await gate.ask("maker_key", "GET", "/v1/audit/verify")).json()
    assert (verified["ok"], verified["problems"]) == (True, [])
    audit = (await gate.ask("maker_key", "GET", "/v1/audit?order=desc")).json()["items"]
    assert {"erasure.performed", "example.revoked", "prompt.example_revoked"} <= {entry["kind"] for entry in audit}
    assert MARKER not in str(audit)
    assert "k1:mine" not in str(audit)


async def test_open_proposal_is_withdrawn_and_shows_no_text(gate: World) -> None:
    await gate.promote(BASE)
    proposal = few_shot(BASE, MINE, OTHER, user="k1:mine", eligible=False)
    await gate.arrive(proposal)
    assert (await erase(gate))["proposals"] == 1
    shown = (await gate.ask("maker_key", "GET", f"/v1/proposals/{proposal.proposal_id}")).json()
    assert shown["state"] == "withdrawn"
    assert [each["input"] for each in shown["example_sets"][0]["examples"]] == ["[erased]", "[erased]"]
    assert await tables_with(gate.dsn, MARKER) == {}


async def test_late_proposal_of_the_user_is_dropped(gate: World) -> None:
    await gate.promote(BASE)
    await erase(gate)
    late = few_shot(BASE, MINE, user="k1:mine")
    await gate.arrive(late)
    assert (await gate.ask("maker_key", "GET", f"/v1/proposals/{late.proposal_id}")).status_code == 404
    assert await tables_with(gate.dsn, MARKER) == {}


async def test_erased_example_is_not_stored_again_under_another_user(gate: World) -> None:
    """The same text may be proposed from somebody else's execution: it was revoked, and stays out."""
    await serve_both(gate)
    await erase(gate)
    live = await gate.live()
    assert live is not None
    again = few_shot(live["document"], MINE, user="k1:third")
    await gate.arrive(again)
    assert await tables_with(gate.dsn, MARKER) == {}
    answer = await gate.decide({"id": str(again.proposal_id), "digest": again.digest})
    assert (answer.status_code, answer.json()["code"]) == (409, "example-revoked")


async def test_repeated_request_changes_nothing_more(gate: World) -> None:
    await serve_both(gate)
    erasure = uuid4()
    await erase(gate, erasure_id=erasure)
    entries = await gate.sql("SELECT count(*) FROM gatekeeper.audit")
    assert set((await erase(gate, erasure_id=erasure)).values()) == {0}
    assert await gate.sql("SELECT count(*) FROM gatekeeper.audit") == entries


async def test_rollback_to_a_version_with_the_erased_example_leaves_it_out(gate: World) -> None:
    before = await serve_both(gate)
    await erase(gate)
    await gate.promote(document("Other.", "shots"), (await gate.live() or {})["digest"])
    back = {"to_digest": before["digest"], "reason": ""}
    answer = await gate.ask("reviewer_key", "POST", "/v1/prompts/greeting/rollback", back)
    assert answer.status_code == 200, answer.text
    assert [each["input"] for each in answer.json()["examples"]["shots"]] == [OTHER[0]]


async def test_erasure_covers_all_environments_though_its_key_belongs_to_another(gate: World) -> None:
    await serve_both(gate)
    keys = await bootstrap(async_dsn(gate.dsn), gate.signer.private, environment="staging", keys=KEYS)
    await gate.sql("UPDATE gatekeeper.api_keys SET revoked = true WHERE environment = 'staging'")
    assert (await erase(gate, key_id=keys["admin_key"].split("_")[1]))["live_versions"] == 1, (
        "it was valid when it asked"
    )
    live = await gate.live()
    assert live is not None
    assert [each["input"] for each in live["examples"]["shots"]] == [OTHER[0]]
    assert await tables_with(gate.dsn, MARKER) == {}


async def test_erasure_lets_only_revoked_examples_go_live_without_a_decision(gate: World) -> None:
    """The authority of an erasure covers no other version."""
    before = await serve_both(gate)
    erasure = uuid4()
    await erase(gate, erasure_id=erasure)
    for wanted in (before["digest"], digest_of(BASE)):
        with pytest.raises(DBAPIError):
            await gate.sql(
                "SELECT * FROM gatekeeper.remove_erased(:erasure, 'production', 'greeting', :digest)",
                erasure=erasure, digest=wanted,
            )  # fmt: skip


@pytest.mark.parametrize("parts", [{"by": "reviewer"}, {"key_id": "none"}])
async def test_event_that_no_admin_requested_is_refused(gate: World, parts: dict[str, Any]) -> None:
    await serve_both(gate)
    with pytest.raises(Permanent, match="unknown-key"):
        await erase(gate, **parts)
    assert await tables_with(gate.dsn, MARKER)


async def test_service_can_delete_no_example_and_change_no_proposal_by_itself(gate: World) -> None:
    await serve_both(gate)
    for statement in ("DELETE FROM gatekeeper.examples", "UPDATE gatekeeper.proposals SET content = '{}'"):
        with pytest.raises(DBAPIError, match="immutable"):
            await gate.sql(statement)
    digest = example_digest({"input": OTHER[0], "output": OTHER[1]})
    await erase(gate)
    with pytest.raises(DBAPIError, match="immutable"):
        await gate.sql("DELETE FROM gatekeeper.examples WHERE digest = :digest", digest=digest)
