"""Evaluations of proposals: requested once, stored once, and bound by the decision that is made on them."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy.exc import DBAPIError

from gatekeeper.handlers.evaluations import EvaluationHandlers
from gatekeeper.maintenance import refresh_stale_evaluations
from gatekeeper.use_cases.unit_of_work import UnitOfWorkFactory
from shared.errors import Permanent
from shared.events.evaluation import DatasetPublished, EvaluationCompleted, EvaluationRequested, ExampleText
from shared.messaging.sql_store import SqlStore
from shared.runtime.clock import SystemClock
from tests.support.gatekeeper import World, digest, document, few_shot, ready, received

ONE, TWO = document("One", "shots"), document("Two", "shots")
REPORT, OTHER = (f"sha256:{digit * 64}" for digit in "12")


async def handle(gate: World, event: DatasetPublished | EvaluationCompleted) -> None:
    handlers = EvaluationHandlers(gate.signer, SystemClock())
    async with SqlStore(gate.service, "gatekeeper").begin() as tx:
        if isinstance(event, DatasetPublished):
            await handlers.on_published(tx, [received(event)])
        else:
            await handlers.on_completed(tx, [received(event)])


async def publish(gate: World, clusters: int = 30, version: int = 1) -> None:
    facts = {"project": "default", "environment": "production", "target": "bot", "dataset": "golden"}
    await handle(gate, DatasetPublished(**facts, version=version, digest=REPORT, cases=clusters, clusters=clusters))


def completed(proposal: UUID | str, **parts: Any) -> EvaluationCompleted:
    """Return a passed evaluation of TWO against ONE."""
    values: dict[str, Any] = {
        "project": "default", "environment": "production", "target": "bot", "evaluation_id": uuid4(),
        "proposal_id": proposal, "name": "greeting", "base_digest": digest(ONE), "digest": digest(TWO),
        "verdict": "pass", "reason": "shown to be better than the baseline", "report_digest": REPORT,
        "dataset": "golden", "dataset_digest": REPORT, "cases": 40, "excluded": 2, "difference": 0.3, "low": 0.1,
        "high": 0.5, "completed_at": datetime.now(UTC), **parts,
    }  # fmt: skip
    return EvaluationCompleted(**values)


@pytest.fixture
async def proposal(gate: World) -> dict[str, Any]:
    await gate.promote(ONE)
    return await gate.propose(TWO, digest(ONE))


async def requests(gate: World) -> list[EvaluationRequested]:
    rows = await gate.sql("SELECT messages FROM gatekeeper.outbox WHERE topic = 'evaluation.requested' ORDER BY id")
    return [EvaluationRequested.model_validate(found) for row in rows for found in _payloads(bytes(row[0]))]


def _payloads(packed: bytes) -> list[dict[str, Any]]:
    """Return the JSON objects in the packed messages of one row."""
    found, decoder, text = [], json.JSONDecoder(), packed.decode("utf-8", "replace")
    start = text.find('{"project"')
    while start >= 0:
        value, end = decoder.raw_decode(text, start)
        found.append(value)
        start = text.find('{"project"', end)
    return found


async def test_an_edit_and_a_fix_are_requested_to_be_evaluated(gate: World, proposal: dict[str, Any]) -> None:
    fix = ready(TWO, ONE, kind="restore", evidence={"summary": "worse", "execution_ids": ("e1", "e2")})
    await gate.arrive(fix)
    edit, restored = await requests(gate)
    assert (str(edit.proposal_id), edit.base, edit.document, edit.revision) == (proposal["id"], ONE, TWO, 1)
    assert (restored.proposal_id, restored.kind, restored.execution_ids) == (fix.proposal_id, "restore", ("e1", "e2"))


async def test_an_instruction_is_a_kind_of_proposal_that_must_be_better(gate: World) -> None:
    await gate.promote(ONE)
    await gate.arrive(ready(TWO, ONE, kind="instruction"))
    (request,) = await requests(gate)
    assert request.kind == "instruction"


async def test_verdicts_of_drafted_candidates_are_skipped(gate: World) -> None:
    await handle(gate, completed(uuid4(), drafted=True))
    assert (await gate.sql("SELECT count(*) FROM gatekeeper.evaluations"))[0][0] == 0


async def test_first_versions_are_not_evaluated(gate: World) -> None:
    first = await gate.propose(ONE)
    assert first["evaluation_rule"] == "none"
    assert await requests(gate) == []


async def test_few_shot_set_is_evaluated_with_its_examples(gate: World) -> None:
    await gate.promote(ONE)
    await publish(gate)
    first = few_shot(ONE, ("q", "a"), ("r", "b"))
    await gate.arrive(first)
    (request,) = await requests(gate)
    assert (request.kind, request.base_examples) == ("few_shot", {})
    assert [example.model_dump() for example in request.examples["shots"]] == [
        {"input": "q", "output": "a"}, {"input": "r", "output": "b"},
    ]  # fmt: skip
    shown = (await gate.ask("reviewer_key", "GET", f"/v1/proposals/{first.proposal_id}")).json()
    assert shown["evaluation_rule"] == "advisory"
    await gate.ask("admin_key", "POST", "/v1/evaluation-rules", {"target": "bot", "rule": "required"})
    refused = await gate.decide(shown)
    assert (refused.status_code, refused.json()["code"]) == (409, "evaluation-missing")


async def test_examples_of_the_base_are_sent_too(gate: World) -> None:
    await gate.promote(ONE)
    first = few_shot(ONE, ("q", "a"))
    await gate.arrive(first)
    shown = (await gate.ask("reviewer_key", "GET", f"/v1/proposals/{first.proposal_id}")).json()
    assert (await gate.decide(shown)).status_code == 200
    edited = {**first.document, "model": "other"}
    await gate.propose(edited, first.digest)
    edit = (await requests(gate))[-1]
    assert edit.kind == "edit"
    assert edit.examples == edit.base_examples == {"shots": (ExampleText(input="q", output="a"),)}


async def test_edit_of_an_unknown_base_can_be_approved(gate: World) -> None:
    """The app was observed to use it, without its content."""
    observed = """INSERT INTO gatekeeper.observed (project, environment, name, digest, target, first_seen)
                  VALUES ('default', 'production', 'greeting', :digest, 'bot', now())"""
    await gate.sql(observed, digest=digest(ONE))
    await publish(gate)
    edit = await gate.propose(TWO, digest(ONE))
    assert (edit["evaluation_rule"], await requests(gate)) == ("none", [])
    assert (await gate.decide(edit)).status_code == 200


async def test_approval_binds_report_and_evidence(gate: World, proposal: dict[str, Any]) -> None:
    await publish(gate)
    await handle(gate, completed(proposal["id"]))
    shown = (await gate.ask("reviewer_key", "GET", f"/v1/proposals/{proposal['id']}")).json()
    assert (shown["evaluation"]["verdict"], shown["evaluation"]["cases"]) == ("pass", 40)
    assert shown["evaluation_rule"] == "required"
    decision = (await gate.decide(proposal)).json()["proposal"]["decision"]
    assert decision["evaluation_digest"] == REPORT
    assert decision["evidence_digest"] == proposal["evidence_digest"]
    ((canonical,),) = await gate.sql("SELECT canonical FROM gatekeeper.decisions WHERE evaluation_digest IS NOT NULL")
    bound = json.loads(canonical)
    assert (bound["schema"], bound["evaluation_digest"], bound["evaluation_rule"]) == (
        "ratchet.decision/3",
        REPORT,
        "required",
    )


@pytest.mark.parametrize(
    ("evaluation", "code"),
    [
        (None, "evaluation-missing"),
        ({"verdict": "fail"}, "evaluation-not-passed"),
        ({"verdict": "inconclusive"}, "evaluation-not-passed"),
        ({"completed_at": datetime.now(UTC) - timedelta(hours=25)}, "evaluation-stale"),
    ],
)
async def test_required_evaluation_must_have_passed_lately(
    gate: World, proposal: dict[str, Any], evaluation: dict[str, Any] | None, code: str
) -> None:
    await publish(gate)
    if evaluation is not None:
        await handle(gate, completed(proposal["id"], **evaluation))
    refused = await gate.decide(proposal)
    assert (refused.status_code, refused.json()["code"]) == (409, code)
    assert (await gate.decide(proposal, verdict="rejected")).status_code == 200


async def test_small_golden_set_advises_only(gate: World, proposal: dict[str, Any]) -> None:
    await publish(gate, clusters=29)
    await handle(gate, completed(proposal["id"], verdict="fail"))
    assert (await gate.decide(proposal)).status_code == 200


async def test_decision_on_a_report_that_is_not_the_latest_is_refused(gate: World, proposal: dict[str, Any]) -> None:
    await handle(gate, completed(proposal["id"], completed_at=datetime.now(UTC) - timedelta(minutes=1)))
    await handle(gate, completed(proposal["id"], report_digest=OTHER, verdict="fail"))
    body = {"verdict": "approved", "reason": "", "digest": proposal["digest"], "evaluation_digest": REPORT}
    refused = await gate.ask("reviewer_key", "POST", f"/v1/proposals/{proposal['id']}/decisions", body)
    assert (refused.status_code, refused.json()["code"]) == (409, "evaluation-changed")
    shown = (await gate.ask("reviewer_key", "GET", f"/v1/proposals/{proposal['id']}")).json()["evaluation"]
    assert (shown["verdict"], shown["earlier_verdicts"]) == ("fail", ["pass"])


async def test_database_refuses_a_decision_row_with_another_report(gate: World, proposal: dict[str, Any]) -> None:
    await handle(gate, completed(proposal["id"]))
    for forged in (OTHER, None):
        with pytest.raises(DBAPIError) as refused:
            await gate.sql(
                """INSERT INTO gatekeeper.decisions (proposal_id, project, environment, name, verdict, digest,
                       base_digest, evaluation_digest, policy_version, decided_by, key_id, expires_at, reason)
                   SELECT id, project, environment, name, 'approved', digest, base_digest, :forged, '1', 'reviewer',
                          :key, now() + interval '1 minute', ''
                   FROM gatekeeper.proposals WHERE id = CAST(:id AS uuid)""",
                forged=forged,
                key=gate.key_id("reviewer_key"),
                id=proposal["id"],
            )
        assert "evaluation-changed" in str(refused.value)


async def test_verdict_about_other_documents_is_a_dead_letter(gate: World, proposal: dict[str, Any]) -> None:
    with pytest.raises(Permanent, match="digest-mismatch"):
        await handle(gate, completed(proposal["id"], digest=digest(ONE)))
    with pytest.raises(Permanent, match="unknown-proposal"):
        await handle(gate, completed(uuid4()))


async def test_repeated_verdict_is_stored_once(gate: World, proposal: dict[str, Any]) -> None:
    event = completed(proposal["id"])
    await handle(gate, event)
    await handle(gate, event)
    assert await gate.sql("SELECT count(*) FROM gatekeeper.audit WHERE kind = 'proposal.evaluated'") == [(1,)]


async def test_another_evaluation_can_be_requested(gate: World, proposal: dict[str, Any]) -> None:
    await handle(gate, completed(proposal["id"], verdict="inconclusive"))
    path = f"/v1/proposals/{proposal['id']}/evaluations"
    assert (await gate.ask("reviewer_key", "POST", path)).status_code == 202
    assert [request.revision for request in await requests(gate)] == [1, 2]
    await gate.decide(proposal, verdict="rejected")
    refused = await gate.ask("reviewer_key", "POST", path)
    assert (refused.status_code, refused.json()["code"]) == (409, "not-evaluable")


async def test_attempts_of_the_same_change_are_counted(gate: World, proposal: dict[str, Any]) -> None:
    """Also those for another proposal of the same document; an evaluation that passed is no attempt."""
    for verdict in ("inconclusive", "pass"):
        await handle(gate, completed(proposal["id"], verdict=verdict))
        await gate.ask("reviewer_key", "POST", f"/v1/proposals/{proposal['id']}/evaluations")
    await gate.propose(TWO, digest(ONE))
    found = [(request.revision, request.attempt) for request in await requests(gate)]
    assert found == [(1, 1), (2, 2), (3, 2), (1, 3)], "that of the other proposal is not completed yet"
    shown = (await gate.ask("reviewer_key", "GET", f"/v1/proposals/{proposal['id']}")).json()
    assert (shown["awaited_evaluation"]["by"], shown["awaited_evaluation"]["attempt"]) == ("reviewer", 2)


async def test_repeated_request_before_the_verdict_changes_nothing(gate: World, proposal: dict[str, Any]) -> None:
    path = f"/v1/proposals/{proposal['id']}/evaluations"
    assert (await gate.ask("reviewer_key", "POST", path)).status_code == 202
    assert [request.revision for request in await requests(gate)] == [1]


async def test_overdue_evaluation_can_be_requested_again_once_a_day(gate: World, proposal: dict[str, Any]) -> None:
    await gate.sql("UPDATE gatekeeper.evaluation_requests SET requested_at = requested_at - interval '25 hours'")
    path = f"/v1/proposals/{proposal['id']}/evaluations"
    await gate.ask("reviewer_key", "POST", path)
    assert [request.revision for request in await requests(gate)] == [1, 1]


@pytest.mark.parametrize(
    ("evaluation", "refreshed"),
    [
        ({"completed_at": datetime.now(UTC) - timedelta(hours=25)}, True),
        ({"completed_at": datetime.now(UTC) - timedelta(hours=23)}, False),
        ({"completed_at": datetime.now(UTC) - timedelta(hours=25), "verdict": "fail"}, False),
    ],
)
async def test_passed_evaluation_that_is_too_old_is_requested_again_once(
    gate: World, proposal: dict[str, Any], evaluation: dict[str, Any], refreshed: bool
) -> None:
    await gate.sql("UPDATE gatekeeper.evaluation_requests SET requested_at = requested_at - interval '25 hours'")
    await handle(gate, completed(proposal["id"], **evaluation))
    units = UnitOfWorkFactory(SqlStore(gate.service, "gatekeeper"), SystemClock(), gate.signer)
    assert [await refresh_stale_evaluations(units) for _ in range(2)] == [int(refreshed), 0]
    assert [request.revision for request in await requests(gate)] == ([1, 2] if refreshed else [1])
    awaited = (await gate.ask("reviewer_key", "GET", f"/v1/proposals/{proposal['id']}")).json()["awaited_evaluation"]
    assert (awaited is not None and awaited["by"] is None) == refreshed


async def test_decided_proposal_is_not_evaluated_again(gate: World, proposal: dict[str, Any]) -> None:
    await gate.sql("UPDATE gatekeeper.evaluation_requests SET requested_at = requested_at - interval '25 hours'")
    await handle(gate, completed(proposal["id"], completed_at=datetime.now(UTC) - timedelta(hours=25)))
    assert (await gate.decide(proposal, verdict="rejected")).status_code == 200
    units = UnitOfWorkFactory(SqlStore(gate.service, "gatekeeper"), SystemClock(), gate.signer)
    assert await refresh_stale_evaluations(units) == 0


async def test_admin_chooses_the_rule_of_a_target(gate: World, proposal: dict[str, Any]) -> None:
    await publish(gate, version=2)
    await publish(gate, clusters=3, version=1)
    rule = {"target": "bot", "rule": "advisory", "reason": "an emergency"}
    assert (await gate.ask("reviewer_key", "POST", "/v1/evaluation-rules", rule)).status_code == 403
    assert (await gate.ask("admin_key", "POST", "/v1/evaluation-rules", rule)).status_code == 200
    (listed,) = (await gate.ask("reviewer_key", "GET", "/v1/evaluation-rules")).json()["items"]
    assert (listed["rule"], listed["chosen"], listed["clusters"], listed["version"]) == ("advisory", "advisory", 30, 2)
    assert (await gate.decide(proposal)).status_code == 200
    await gate.ask("admin_key", "POST", "/v1/evaluation-rules", {**rule, "rule": "default"})
    (listed,) = (await gate.ask("reviewer_key", "GET", "/v1/evaluation-rules")).json()["items"]
    assert listed["rule"] == "required"


async def test_a_grant_waits_for_the_evaluation_that_an_admin_requires(gate: World) -> None:
    await gate.promote(ONE)
    rule = {"target": "bot", "rule": "required", "reason": "few-shots are evaluated first"}
    assert (await gate.ask("admin_key", "POST", "/v1/evaluation-rules", rule)).status_code == 200
    assert (await gate.grant()).status_code == 201
    event = few_shot(ONE, ("2+2", "4"))
    await gate.arrive(event)
    assert [request.digest for request in await requests(gate)] == [event.digest]
    verdict = completed(event.proposal_id, digest=event.digest, verdict="inconclusive")
    for refused in (verdict, verdict.model_copy(update={"evaluation_id": uuid4(), "verdict": "fail"})):
        await handle(gate, refused)
        assert await gate.sql("SELECT count(*) FROM gatekeeper.grant_uses") == [(0,)]
    with pytest.raises(DBAPIError, match="evaluation-missing"):  # not even with all privileges on the table
        await gate.sql(
            """INSERT INTO gatekeeper.grant_uses (grant_id, number, project, environment, name, proposal_id,
                                                  base_digest, digest)
               SELECT g.id, 1, p.project, p.environment, p.name, p.id, p.base_digest, p.digest
               FROM gatekeeper.grants g, gatekeeper.proposals p WHERE p.kind = 'few_shot'"""
        )
    passed = {"evaluation_id": uuid4(), "report_digest": OTHER, "completed_at": datetime.now(UTC)}
    await handle(gate, completed(event.proposal_id, digest=event.digest, **passed))
    now = await gate.live()
    assert now is not None
    assert (now["digest"], now["authorisation"]["kind"]) == (event.digest, "grant")


async def test_a_grant_waits_for_no_evaluation_that_only_advises(gate: World) -> None:
    await publish(gate)
    await gate.promote(ONE)
    assert (await gate.grant()).status_code == 201
    event = few_shot(ONE, ("2+2", "4"))
    await gate.arrive(event)
    now = await gate.live()
    assert now is not None
    assert now["digest"] == event.digest
