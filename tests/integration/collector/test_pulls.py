"""Pulls from Langfuse into a collector with a real PostgreSQL: nothing lost, nothing twice."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from collector.domain.pulls.pull_state import PullIdentity
from collector.pulls.pull_runner import PullRunner
from collector.pulls.regression_handler import RegressionScores
from collector.storage.pull_repository import PullRepository
from shared.events.quality import RegressionDetected
from shared.messaging.cloudevents import Received
from tests.integration.collector.conftest import Running
from tests.support.databases import psql
from tests.support.erasure import files_with
from tests.support.langfuse import ScriptedResponse, error_response
from tests.support.langfuse_history import score
from tests.support.proposer import cause, regression
from tests.support.pulls import NOW, PullBench, ago, langfuse_pull, server_with_traces, support_trace

VERSIONS = ["4.16.0", "3.150.1"]


@pytest.fixture
def bench(collector: Running) -> PullBench:
    return PullBench(collector.parts.platform.engine, collector.parts.service, collector.clock, server_with_traces())


def state(collector: Running, name: str = "support") -> dict[str, Any]:
    row = psql(collector.dsn, f"SELECT to_json(p) FROM collector.pulls p WHERE name = '{name}'")
    found: dict[str, Any] = json.loads(row)
    return found


@pytest.mark.postgres
@pytest.mark.parametrize("version", VERSIONS)
async def test_traces_and_scores_become_executions_and_feedback(
    collector: Running, bench: PullBench, version: str
) -> None:
    bench.server.version = version
    assert await bench.run()
    executions = {event["facts"]["execution_id"]: event for event in collector.events("execution.recorded")}
    assert sorted(executions) == ["langfuse-t1", "langfuse-t2", "langfuse-t3"]
    event = executions["langfuse-t1"]
    facts = event["facts"]
    assert (event["target"], facts["trace_id"], facts["model"]) == ("support-bot", "t1", "small")
    assert (facts["input"], facts["output"]) == ("Where is my lamp?", "It is on its way.")
    assert (event["usage"], event["tools"]) == ({"input_tokens": 120, "output_tokens": 30}, ["search"])
    assert (event["latency_ms"], event["cost"], facts["outcome"]) == (2000.0, 0.002, "ok")
    assert facts["prompts"][0]["version"] == "6"
    assert facts["prompts"][0]["digest"].startswith("sha256:")
    assert facts["attributes"] == {"environment": "default", "tags": "prod, support", "version": "2"}
    feedback = {(one["kind"], one["name"], one["value"]): one for one in collector.events("feedback.created")}
    assert sorted(feedback) == [
        ("score", "reward", 0.25),
        ("thumb", "user-feedback", 0.0),
        ("thumb", "user-feedback", 1.0),
    ]
    disliked = feedback[("thumb", "user-feedback", 0.0)]
    assert (disliked["execution"]["execution_id"], disliked["text"]) == ("langfuse-t2", "wrong lamp")
    found = state(collector)
    assert (found["executions"], found["feedback"], found["refused"]) == (3, 3, 0)
    assert (found["low_reward"], found["negative_feedback"], found["error"]) == (1, 1, None)


@pytest.mark.postgres
@pytest.mark.parametrize("version", VERSIONS)
async def test_a_trace_is_the_same_as_an_execution_of_the_api(
    collector: Running, bench: PullBench, add_key: Callable[..., str], version: str
) -> None:
    bench.server.version = version
    assert await bench.run()
    (pulled,) = [e for e in collector.events("execution.recorded") if e["facts"]["execution_id"] == "langfuse-t1"]
    (prompt,) = pulled["facts"]["prompts"]
    question = [{"role": "user", "content": "Where is my lamp?"}]
    execution = {
        "id": "langfuse-t1", "trace_id": "t1", "target": "support-bot", "model": "small",
        "prompts": [{"name": "answer", "digest": prompt["digest"], "version": "6"}],
        "input": question, "output": "It is on its way.", "outcome": "ok", "user": "u1", "session": "s1",
        "usage": {"input_tokens": 120, "output_tokens": 30}, "cost": 0.002, "latency_ms": 2000,
        "tools": [{"name": "search", "arguments": question, "outcome": "ok", "latency_ms": 100}],
        "attributes": {"environment": "default", "tags": "prod, support", "version": "2"},
        "occurred_at": "2026-11-21T10:00:02Z",
    }  # fmt: skip
    key = add_key(collector.dsn, "other", "ingest", environment="other")
    answer = await collector.post("executions", execution, Authorization=f"Bearer {key}")
    assert answer.status_code == 200, answer.text
    posted = collector.events("execution.recorded")[-1]
    assert {**posted, "environment": "production", "received_at": None} == {**pulled, "received_at": None}


@pytest.mark.postgres
async def test_repeats_and_late_items_are_taken_once(collector: Running, bench: PullBench) -> None:
    assert await bench.run()
    before = (len(collector.events("execution.recorded")), len(collector.events("feedback.created")))
    assert await bench.run()
    assert (len(collector.events("execution.recorded")), len(collector.events("feedback.created"))) == before
    collector.clock.advance(timedelta(days=3))
    bench.server.scores.append(score(3, "user-feedback", False, NOW + timedelta(days=2)))
    bench.server.observations += support_trace("t9", NOW + timedelta(days=2))
    assert await bench.run()
    found = state(collector)
    assert (found["executions"], found["feedback"], found["negative_feedback"]) == (4, 4, 2)
    late = collector.events("feedback.created")[-1]
    assert late["execution"]["execution_id"] == "langfuse-t3"


@pytest.mark.postgres
async def test_trace_that_appears_late_is_found_in_the_overlap(collector: Running, bench: PullBench) -> None:
    assert await bench.run()
    bench.server.observations += support_trace("slow", ago(minutes=50))
    bench.server.scores.append(score(0, "reward", 0.9, ago(minutes=30), subject={"kind": "trace", "id": "slow"}))
    collector.clock.advance(timedelta(minutes=5))
    assert await bench.run()
    assert (state(collector)["executions"], state(collector)["feedback"]) == (4, 4)


@pytest.mark.postgres
async def test_changed_trace_is_completed_and_contradictions_are_counted(collector: Running, bench: PullBench) -> None:
    bench.server.observations = support_trace("t1", ago(minutes=40), output=None)
    bench.server.scores.clear()
    assert await bench.run()
    bench.server.observations = support_trace("t1", ago(minutes=40), output='"Done."')
    assert await bench.run()
    completed = collector.events("execution.recorded")[-1]
    assert (completed["revision"], completed["facts"]["output"]) == (2, "Done.")
    bench.server.observations = support_trace("t1", ago(minutes=40), output='"Other."')
    for _ in range(2):
        assert await bench.run()
    found = state(collector)
    assert (found["changed"], found["refused"]) == (1, 0)
    assert len(collector.events("execution.recorded")) == 2


@pytest.mark.postgres
async def test_score_that_was_changed_replaces_the_former(collector: Running, bench: PullBench) -> None:
    assert await bench.run()
    bench.server.scores[0] |= {"value": 0.75, "timestamp": "2026-11-21T11:30:00.000Z"}
    assert await bench.run()
    changed = collector.events("feedback.created")[-1]
    assert (changed["value"], changed["replaces"]["value"]) == (0.75, 0.25)


@pytest.mark.postgres
@pytest.mark.parametrize("version", VERSIONS)
async def test_name_and_tags_select_traces(collector: Running, bench: PullBench, version: str) -> None:
    bench.server.version = version
    bench.server.observations += support_trace("x", ago(hours=1), traceName="other")
    bench.server.observations += support_trace("y", ago(hours=1), tags=["prod"])
    bench.server.scores.append(score(0, "reward", 0.9, ago(minutes=30), subject={"kind": "trace", "id": "x"}))
    assert await bench.run(trace_name="support-bot", tags=["support", "prod"], target="bot")
    events = collector.events("execution.recorded")
    assert {event["target"] for event in events} == {"bot"}
    assert {event["facts"]["trace_id"] for event in events} == {"t1", "t2", "t3"}
    assert state(collector)["feedback"] == 3


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("fault", "code", "words"),
    [
        (error_response(401), "access-denied", "rejects LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY"),
        (error_response(403), "access-denied", "does not permit these keys"),
        (error_response(404), "invalid-answer", "has no /api/public/v2/observations"),
        (error_response(503), "unreachable", "answered 503"),
        (error_response(429, retry_after="3600"), "unreachable", "limits requests for 3600 s"),
    ],
)
async def test_error_is_stored_and_the_next_run_catches_up(
    collector: Running, bench: PullBench, fault: Any, code: str, words: str
) -> None:
    bench.server.faults["/api/public/v2/observations"] = [fault] * 5
    assert not await bench.run()
    found = state(collector)
    assert (found["error_code"], found["succeeded_at"]) == (code, None)
    assert words in found["error"]
    bench.server.faults.clear()
    assert await bench.run()
    found = state(collector)
    assert (found["error"], found["executions"], found["feedback"]) == (None, 3, 3)


@pytest.mark.postgres
async def test_repeated_cursor_ends_the_run_with_a_reason(collector: Running, bench: PullBench) -> None:
    bench.server.repeats_cursor, bench.server.max_page_size = True, 1
    assert not await bench.run()
    assert "repeats a page" in state(collector)["error"]


@pytest.mark.postgres
async def test_two_instances_do_not_pull_at_the_same_time(collector: Running, bench: PullBench) -> None:
    rivals: list[bool] = []
    runner = bench.runner(langfuse_pull())
    pull_slice = runner._pull_slice

    async def pull_slice_with_rival(*arguments: Any) -> None:
        rivals.append(await bench.run())
        await pull_slice(*arguments)

    runner._pull_slice = pull_slice_with_rival  # type: ignore[assignment, method-assign]
    assert await runner.run()
    assert rivals
    assert not any(rivals)
    assert await bench.run()
    assert state(collector)["executions"] == 3


@pytest.mark.postgres
async def test_raw_copy_has_the_source_s_own_words_and_flags(
    collector: Running, bench: PullBench, tmp_path: Path
) -> None:
    assert await bench.run(raw_folder=str(tmp_path))
    assert await bench.run(raw_folder=str(tmp_path))
    (file,) = (tmp_path / "support").iterdir()
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert len(lines) == 6
    first = next(line for line in lines if line["kind"] == "trace" and line["trace_id"] == "t1")
    assert (first["latency_s"], first["tool_invocations"]) == (2.0, ["search"])
    assert first["token_count"] == {"input_tokens": 120, "output_tokens": 30}
    assert first["response"] == '"It is on its way."'
    flags = {(line["name"], line["trace_id"]): line["flags"] for line in lines if line["kind"] == "score"}
    assert flags == {
        ("reward", "t1"): ["low_reward"],
        ("user-feedback", "t1"): [],
        ("user-feedback", "t2"): ["negative_feedback"],
    }
    assert file.stat().st_mode & 0o077 == 0


@pytest.mark.postgres
async def test_nothing_of_an_erased_user_is_copied_or_ingested(
    collector: Running, bench: PullBench, tmp_path: Path
) -> None:
    subject = (await collector.parts.pseudonym_key.get()).pseudonym("shop", "u1")
    psql(
        collector.dsn,
        f"INSERT INTO collector.erased_subjects (key, erasure_id) VALUES ('shop/{subject}', gen_random_uuid())",
    )
    assert await bench.run(raw_folder=str(tmp_path))
    assert files_with(tmp_path, "kind") == []
    assert collector.count("executions") == 0


@pytest.mark.postgres
async def test_raw_copy_that_cannot_be_written_stops_the_run(
    collector: Running, bench: PullBench, tmp_path: Path
) -> None:
    (tmp_path / "support").write_text("in the way")
    assert not await bench.run(raw_folder=str(tmp_path))
    assert state(collector)["error_code"] == "raw-copy"
    assert collector.events("execution.recorded") == []
    assert await bench.run()
    assert state(collector)["executions"] == 3


async def deliver(collector: Running, event: RegressionDetected, *pulls: PullIdentity) -> None:
    """Pass a regression to its handler as delivery does."""
    handler = RegressionScores(pulls, collector.clock)
    batch = [Received(event, uuid4(), NOW, "analyzer", "c", None, None, event.topic, 0, 0)]
    async with collector.parts.platform.store.begin() as tx:
        await tx.claim("collector.pull-scores", [one.id for one in batch])
        await handler.save_scores(tx, batch)


SHOP = {"project": "shop", "environment": "production", "target": "support-bot"}


@pytest.mark.postgres
async def test_affected_traces_get_a_score_that_is_never_read_back(collector: Running, bench: PullBench) -> None:
    identity = langfuse_pull().identity
    assert await bench.run(write_scores=True)
    event = regression(cause("6", "7"), **SHOP, affected_executions=("langfuse-t1", "langfuse-t2", "e1"))
    await deliver(collector, event, identity, replace(identity, name="elsewhere", project="other"))
    await deliver(collector, regression(target="another", affected_executions=("langfuse-t3",)), identity)
    bench.server.faults["/api/public/scores"] = [error_response(500), ScriptedResponse(207), error_response(503)]
    assert await bench.run(write_scores=True)
    assert await bench.run(write_scores=True)
    (created,) = bench.server.created
    assert (created["name"], created["traceId"], created["value"]) == ("ratchet.regression", "t2", 1)
    assert created["comment"] == "thumb of support-bot got worse: -20.0 pp; likely cause: prompt version answer"
    found = state(collector)
    assert (found["scores_written"], found["scores_refused"], collector.count("pull_scores")) == (1, 1, 0)
    bench.server.scores.append(score(2, created["name"], True, ago(minutes=20)))
    assert await bench.run(write_scores=True)
    assert state(collector)["feedback"] == 3


@pytest.mark.postgres
async def test_scores_wait_for_keys_that_may_write(collector: Running, bench: PullBench) -> None:
    assert await bench.run(write_scores=True)
    event = regression(**SHOP, affected_executions=("langfuse-t1",))
    await deliver(collector, event, langfuse_pull().identity)
    bench.server.faults["/api/public/scores"] = [error_response(403)]
    assert not await bench.run(write_scores=True)
    assert "does not permit these keys to write to /api/public/scores" in state(collector)["error"]
    assert await bench.run()  # not asked to write
    assert bench.server.created == []
    assert await bench.run(write_scores=True)
    assert len(bench.server.created) == 1


@pytest.mark.postgres
async def test_state_is_served_to_readers_of_the_project(
    collector: Running, bench: PullBench, reader: httpx.AsyncClient
) -> None:
    assert (await reader.get("/v1/pulls")).json() == {"items": []}
    assert await bench.run(trace_name="support-bot")
    await bench.runner(langfuse_pull(name="foreign", project="other")).run()
    bench.server.faults["/api/public/health"] = [error_response(401)]
    collector.clock.advance(timedelta(minutes=5))
    assert not await bench.run(trace_name="support-bot")
    (pull,) = (await reader.get("/v1/pulls")).json()["items"]
    assert (pull["name"], pull["state"], pull["target"], pull["lag_s"]) == ("support", "failing", "support-bot", 900.0)
    assert (pull["error"]["code"], pull["executions"], pull["low_reward"]) == ("access-denied", 3, 1)
    searches = {search["flag"]: (search["metric"], search["max"]) for search in pull["searches"]}
    assert searches["negative_feedback"] == ("thumb.user-feedback", 0.0)
    assert searches["low_reward"][0] == "score.reward"
    assert 0.49 < searches["low_reward"][1] < 0.5


@pytest.mark.postgres
async def test_pull_that_moves_to_another_project_begins_again(collector: Running, bench: PullBench) -> None:
    assert await bench.run()
    assert await bench.run(environment="staging")
    found = state(collector)
    assert (found["environment"], found["executions"], found["feedback"]) == ("staging", 3, 3)
    assert len(collector.events("execution.recorded")) == 6


class Crash(BaseException):
    """The process ends here."""


@pytest.mark.postgres
async def test_run_that_ends_anywhere_is_continued(
    collector: Running, bench: PullBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each run crashes one step later than the one before, until a run has nothing left to do."""
    bench.server.max_page_size = 1
    steps: list[str] = []
    limit = 0

    def crashing(method: Any) -> Any:
        async def call(*arguments: Any, **more: Any) -> Any:
            for moment in ("before", "after"):
                steps.append(f"{moment} {method.__name__}")
                if len(steps) == limit:
                    raise Crash
                if moment == "before":
                    result = await method(*arguments, **more)
            return result

        return call

    for owner, names in (
        (PullRunner, ("_write", "_new_items")),
        (PullRepository, ("save_items", "save_progress", "start", "succeed")),
    ):
        for name in names:
            monkeypatch.setattr(owner, name, crashing(getattr(owner, name)))
    crashes = 0
    while True:
        steps.clear()
        limit += 1
        try:
            assert await bench.run(window_hours=12)
            break
        except Crash:
            crashes += 1
    assert crashes > 10
    found = state(collector)
    assert (found["executions"], found["feedback"], found["refused"], found["changed"]) == (3, 3, 0, 0)
    assert (found["low_reward"], found["negative_feedback"]) == (1, 1)
    assert len(collector.events("execution.recorded")) == 3
    assert len(collector.events("feedback.created")) == 3
