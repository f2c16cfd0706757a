"""Gradual rollouts: an approved plan, verdicts on the arms, and the way back."""

from typing import Any

import pytest

from tests.support.gatekeeper import World, digest
from tests.support.rollouts import (
    BASE,
    CANDIDATE,
    OTHER,
    approve,
    assess,
    latest,
    measure,
    plan,
    served,
    started,
    steer,
)


async def test_approval_with_a_plan_serves_the_base_and_the_candidate_to_its_share(gate: World) -> None:
    rollout = await started(gate, plan())
    live = await served(gate)
    assert (live.prompt.digest, live.arms and live.arms.prompt.digest) == (digest(BASE), digest(CANDIDATE))
    assert (live.arms and live.arms.weight, rollout["state"], rollout["step"]) == (500, "running", 0)
    [(canonical, stored)] = await gate.sql(
        "SELECT canonical, rollout_plan FROM gatekeeper.decisions WHERE rollout_plan IS NOT NULL"
    )
    assert rollout["plan_digest"] == stored
    assert stored in canonical


async def test_evidence_takes_a_candidate_step_by_step_to_all_traffic(gate: World) -> None:
    await started(gate, plan())
    assert (await assess(gate))["step"] == 0
    for step, weight in ((1, 5000), (2, 10_000)):
        await measure(gate, "base", 600, 540)
        await measure(gate, "candidate", 600, 545)
        rollout = await assess(gate)
        assert (rollout["step"], rollout["weight"]) == (step, weight), rollout["assessment"]
    live = await served(gate)
    assert (live.prompt.digest, live.arms, rollout["state"]) == (digest(CANDIDATE), None, "live")
    assert [each["kind"] for each in rollout["changes"]] == ["completed", "advanced", "started"]
    topics = [row[0] for row in await gate.sql("SELECT topic FROM gatekeeper.outbox_messages ORDER BY id")]
    assert [topic for topic in topics if topic.startswith("rollout.")] == [
        "rollout.started", "rollout.advanced", "rollout.concluded",
    ]  # fmt: skip
    back = await gate.ask("reviewer_key", "POST", "/v1/prompts/greeting/rollback", {"reason": ""})
    assert back.json()["digest"] == digest(BASE)
    assert (await gate.ask("reviewer_key", "GET", "/v1/audit/verify")).json()["ok"]


async def test_harm_rolls_back_by_itself_also_while_paused_and_halted(gate: World) -> None:
    rollout = await started(gate, plan())
    assert await steer(gate, rollout, "pause") == (200, "paused")
    await gate.ask("reviewer_key", "POST", "/v1/halt", {"reason": "smoke"})
    await measure(gate, "base", 2000, 1800)
    await measure(gate, "candidate", 100, 60)
    rollout = await assess(gate)
    assert (rollout["state"], rollout["by"], rollout["reason"]) == ("rolled_back", "gatekeeper", "harmful")
    assert rollout["message"].startswith("worse than the base: thumb −30.0 pp (")
    assert "n = 100 and 2000" in rollout["message"]
    live = await served(gate)
    assert (live.prompt.digest, live.arms, live.sequence) == (digest(BASE), None, 3)


async def test_values_of_other_versions_and_other_times_are_not_counted(gate: World) -> None:
    await started(gate, plan())
    await measure(gate, "candidate", 100, 0, identity=digest(BASE))
    await measure(gate, "base", 100, 100, identity=digest(CANDIDATE))
    await measure(gate, "candidate", 100, 0, target="another")
    assert await gate.sql("SELECT count(*) FROM gatekeeper.rollout_measurements") == [(0,)]


async def test_shares_that_differ_from_the_plan_pause_the_rollout(gate: World) -> None:
    await started(gate, plan(unit="execution"))
    await measure(gate, "base", 500, 500, "error_rate")
    await measure(gate, "candidate", 300, 300, "error_rate")
    rollout = await assess(gate)
    assert (rollout["state"], rollout["reason"]) == ("paused", "sample-ratio")
    assert await steer(gate, rollout, "resume") == (200, "running")


async def test_the_kill_switch_stops_steps_but_no_rollback(gate: World) -> None:
    rollout = await started(gate, plan())
    await measure(gate, "base", 900, 800)
    await measure(gate, "candidate", 900, 800)
    await gate.ask("reviewer_key", "POST", "/v1/halt", {"reason": "smoke"})
    assert (await assess(gate))["assessment"]["phase"] == "halted"
    assert await steer(gate, rollout, "advance") == (409, "halted")
    assert await steer(gate, rollout, "rollback") == (200, "rolled_back")
    assert (await served(gate)).prompt.digest == digest(BASE)


async def test_another_person_than_the_author_may_steer(gate: World) -> None:
    await gate.promote(BASE)
    proposal = await gate.propose(CANDIDATE, digest(BASE), by="second_key")
    body = {"verdict": "approved", "reason": "", "digest": proposal["digest"], "rollout_plan": plan()}
    path = f"/v1/proposals/{proposal['id']}/decisions"
    assert (await gate.ask("reviewer_key", "POST", path, body)).status_code == 200
    rollout = await latest(gate)
    assert await steer(gate, rollout, "advance", "second_key") == (403, "own-proposal")
    assert await steer(gate, rollout, "advance", "ingest_key") == (403, "scope-missing")
    assert await steer(gate, rollout, "pause", "second_key") == (200, "paused")
    assert await steer(gate, rollout, "resume", "second_key") == (403, "own-proposal")
    assert await steer(gate, rollout, "advance") == (200, "running")
    assert (await latest(gate))["weight"] == 5000
    assert await steer(gate, rollout, "advance") == (200, "live")
    assert await steer(gate, rollout, "pause") == (409, "rollout-ended")


async def test_one_rollout_at_a_time_and_a_rollback_restores_the_arms(gate: World) -> None:
    await started(gate, plan())
    refused = await approve(gate, OTHER, BASE, None)
    assert (refused.status_code, refused.json()["code"]) == (409, "rollout-open")
    back = await gate.ask("reviewer_key", "POST", "/v1/prompts/greeting/rollback", {"reason": "worse"})
    assert (back.json()["digest"], back.json()["rollout"]) == (digest(BASE), None)
    assert (await latest(gate))["state"] == "rolled_back"
    assert (await approve(gate, OTHER, BASE, None)).status_code == 200


async def test_a_rollback_to_an_older_version_supersedes_the_rollout(gate: World) -> None:
    await gate.promote(OTHER)
    await gate.promote(BASE, digest(OTHER))
    assert (await approve(gate, CANDIDATE, BASE, plan())).status_code == 200
    body = {"reason": "worse", "to_digest": digest(OTHER)}
    assert (await gate.ask("reviewer_key", "POST", "/v1/prompts/greeting/rollback", body)).status_code == 200
    rollout = await latest(gate)
    assert (rollout["state"], rollout["reason"]) == ("superseded", "stale-base")
    assert (await served(gate)).prompt.digest == digest(OTHER)


PLANS: list[tuple[Any, str]] = [
    (plan(500, 100), "rollout_plan.steps"),
    (plan(limit_seconds=1) | {"steps": [{"weight": 500, "min_seconds": 60}]}, "rollout_plan.limit_seconds"),
    (plan(metrics=[]), "rollout_plan.PlanBody.metrics"),
    ("canary", "rollout_plan.metrics"),
]


@pytest.mark.parametrize(("chosen", "field"), PLANS)
async def test_a_plan_that_can_not_work_is_refused(gate: World, chosen: object, field: str) -> None:
    await gate.promote(BASE)
    answer = await approve(gate, CANDIDATE, BASE, chosen)
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]][-1:] == [field], answer.text


async def test_a_first_version_has_no_gradual_rollout(gate: World) -> None:
    proposal = await gate.propose(BASE)
    body = {"verdict": "approved", "reason": "", "digest": proposal["digest"], "rollout_plan": plan()}
    answer = await gate.ask("reviewer_key", "POST", f"/v1/proposals/{proposal['id']}/decisions", body)
    assert (answer.status_code, answer.json()["code"]) == (409, "plan-needs-base")
