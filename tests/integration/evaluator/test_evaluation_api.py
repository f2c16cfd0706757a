"""HTTP routes of evaluations and of their workers."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from evaluator.domain.direct_terms import DirectTerms
from evaluator.domain.waiting_reasons import waiting_reason
from evaluator.settings import EvaluatorSettings
from evaluator.storage.direct_usage import DirectUsage, DirectUsageRepository, list_exhausted_prompts
from evaluator.storage.evaluation_views import EvaluationFilter, EvaluationViewRepository
from ratchet.prompt.canonical import canonical_bytes, digest_of
from tests.support.evaluation import BASELINE, CANDIDATE, golden_set
from tests.support.evaluator_service import SCOPE, Evaluator, better, requested
from tests.support.evaluator_workers import ROUTE, add_keys, connect


@pytest.fixture
async def worker(
    settings: EvaluatorSettings, engine: AsyncEngine, evaluator: Evaluator
) -> AsyncIterator[httpx.AsyncClient]:
    await add_keys(engine)
    async with connect(settings, evaluator.clock, "worker") as client:
        yield client


@pytest.fixture
async def reader(
    worker: httpx.AsyncClient, settings: EvaluatorSettings, evaluator: Evaluator
) -> AsyncIterator[httpx.AsyncClient]:
    async with connect(settings, evaluator.clock, "reader") as client:
        yield client


async def lease(worker: httpx.AsyncClient, **fields: Any) -> list[dict[str, Any]]:
    response = await worker.post(f"{ROUTE}/leases", json={"worker": "w", "wait_s": 0, **fields})
    assert response.status_code == 200, response.text
    found: list[dict[str, Any]] = response.json()["tasks"]
    return found


async def states(reader: httpx.AsyncClient, **query: Any) -> list[str]:
    response = await reader.get("/v1/evaluations", params=query)
    assert response.status_code == 200, response.text
    return [item["state"] for item in response.json()["items"]]


async def test_a_task_has_the_prompt_and_what_is_asked(worker: httpx.AsyncClient, evaluator: Evaluator) -> None:
    await evaluator.publish(golden_set(1, expected="yes", reference="r", tags=["t"], variables={"a": 1}))
    await evaluator.deliver(requested())
    await evaluator.service.advance_all()
    base, candidate = await lease(worker, max=1000)
    assert base["prompt"] == {
        "name": "answer",
        "digest": BASELINE.digest,
        "document": BASELINE.to_dict(),
        "examples": {},
    }
    assert candidate["prompt"]["digest"] == CANDIDATE.digest
    assert candidate["case"] == {"id": "case-0", "input": "Question 0?", "variables": {"a": 1}, "contexts": None}
    assert (base["arm"], candidate["arm"], base["repeat"]) == ("baseline", "candidate", 0)
    assert base["expires_at"].startswith("2026-01-01T00:00:30")
    assert set(base) == {"task_id", "token", "evaluation_id", "arm", "repeat", "prompt", "case", "expires_at"}


async def test_a_worker_answers_what_it_leased(worker: httpx.AsyncClient, evaluator: Evaluator) -> None:
    await evaluator.publish(golden_set(2))
    await evaluator.deliver(requested())
    await evaluator.service.advance_all()
    first, second, third, fourth = ({"task_id": t["task_id"], "token": t["token"]} for t in await lease(worker))
    kept = await worker.post(f"{ROUTE}/heartbeats", json={"tasks": [first, {**second, "token": str(uuid4())}]})
    assert kept.json() == {"kept": [first["task_id"]], "lost": [second["task_id"]]}
    answers = [
        {**first, "returned": {"output": "yes", "cost": 0.5}, "ms": 2.5},
        {**second, "failure": {"kind": "timeout", "message": "x" * 600}},
        {**third, "returned": {"output": "yes", "price": 1}},
        {**fourth, "returned": None},
        {**fourth, "token": str(uuid4()), "returned": "late"},
    ]
    ids = [each["task_id"] for each in (first, second, third, fourth)]
    done = await worker.post(f"{ROUTE}/answers", json={"answers": answers})
    assert done.json() == {"accepted": ids, "repeated": [], "lost": [fourth["task_id"]]}
    again = await worker.post(f"{ROUTE}/answers", json={"answers": answers[:1]})
    assert again.json() == {"accepted": [], "repeated": ids[:1], "lost": []}
    await evaluator.service.advance_all()
    (report,) = await evaluator.reports()
    found = {case["id"]: (case["baseline"][0], case["candidate"][0]) for case in report["cases"]}
    failures = [each["failure"] and each["failure"]["kind"] for case in found.values() for each in case]
    assert sorted(failures, key=str) == [None, None, "invalid", "timeout"]
    assert max(len(each["failure"]["message"]) for case in found.values() for each in case if each["failure"]) == 500


@pytest.mark.parametrize(
    ("answer", "field", "status"),
    [
        ({}, "answers.0", 422),
        ({"returned": 1, "failure": {"kind": "error"}}, "answers.0", 422),
        ({"failure": {"kind": "odd"}}, "answers.0.failure.kind", 422),
        ({"returned": 1, "ms": -1}, "answers.0.ms", 422),
        ({"returned": "x" * (256 * 1024)}, "answers.0.returned", 422),
        ({"returned": 1, "task_id": "1"}, "answers.0.task_id", 422),
        ({"returned": 1, "more": 1}, "answers.0.more", 422),
    ],
)
async def test_a_wrong_answer_is_refused_with_its_field(
    worker: httpx.AsyncClient, answer: dict[str, Any], field: str, status: int
) -> None:
    lease_of = {"task_id": str(uuid4()), "token": str(uuid4())}
    refused = await worker.post(f"{ROUTE}/answers", json={"answers": [{**lease_of, **answer}]})
    assert refused.status_code == status, refused.text
    assert field in [error["field"] for error in refused.json()["errors"]]


async def test_a_large_body_is_refused(worker: httpx.AsyncClient) -> None:
    refused = await worker.post(f"{ROUTE}/answers", json={"answers": [], "more": "x" * 1024 * 1024})
    assert (refused.status_code, refused.json()["code"]) == (413, "too-large")


async def test_a_waiting_worker_gets_a_task_that_becomes_free(worker: httpx.AsyncClient, evaluator: Evaluator) -> None:
    await evaluator.publish(golden_set(4))
    waiting = asyncio.create_task(lease(worker, wait_s=20))
    await asyncio.sleep(0)
    await evaluator.deliver(requested())
    await evaluator.service.advance_all()
    assert len(await asyncio.wait_for(waiting, 60)) == 8
    assert await lease(worker, wait_s=0.01) == []


async def test_scopes_and_projects(
    worker: httpx.AsyncClient, reader: httpx.AsyncClient, settings: EvaluatorSettings, evaluator: Evaluator
) -> None:
    await evaluator.publish(golden_set(8))
    await evaluator.deliver(requested())
    await evaluator.run_to_end(better)
    (run,) = await evaluator.evaluations()
    assert (await worker.get("/v1/evaluations")).status_code == 403
    assert (await reader.post(f"{ROUTE}/leases", json={"worker": "w"})).status_code == 403
    async with connect(settings, evaluator.clock, "other") as other:
        assert await lease(other) == []
        assert (await other.get("/v1/evaluations")).json()["items"] == []
        for path in ("", "/report"):
            assert (await other.get(f"/v1/evaluations/{run.id}{path}")).status_code == 404


async def test_states_of_an_evaluation(reader: httpx.AsyncClient, evaluator: Evaluator) -> None:
    request = requested()
    await evaluator.deliver(request)
    assert await states(reader) == ["waiting for a dataset"]
    assert await reasons(reader) == ["no golden set of the target support-bot is published"]
    await evaluator.publish(golden_set(8))
    assert await states(reader) == ["waiting to start"]
    assert await reasons(reader) == ["its golden set is published; it starts within seconds"]
    await evaluator.service.advance_all()
    assert await states(reader) == ["waiting for a worker"]
    assert await reasons(reader) == ["no evaluation worker has asked for cases of the prompt answer in the last minute"]
    tasks = await evaluator.lease(4)
    assert await states(reader) == ["running"]
    await evaluator.answer(tasks, better)
    (item,) = (await reader.get("/v1/evaluations", params={"proposal_id": str(request.proposal_id)})).json()["items"]
    assert (item["state"], item["progress"]) == ("running", {"answered": 4, "total": 16})
    evaluator.clock.advance(timedelta(seconds=61))
    assert await states(reader, state="waiting for a worker") == ["waiting for a worker"]
    assert await states(reader, state="running") == []
    await evaluator.run_to_end(better)
    assert await states(reader, target="support-bot") == ["completed"]
    assert await states(reader, target="other") == await states(reader, proposal_id=str(uuid4())) == []


async def reasons(reader: httpx.AsyncClient) -> list[str | None]:
    return [item["waiting_reason"] for item in (await reader.get("/v1/evaluations")).json()["items"]]


async def test_an_evaluation_says_behind_how_many_it_is_queued(reader: httpx.AsyncClient, evaluator: Evaluator) -> None:
    await evaluator.publish(golden_set(8))
    for _ in range(3):
        await evaluator.deliver(requested())
        evaluator.clock.advance(timedelta(seconds=1))
    await evaluator.service.advance_all()
    await evaluator.lease(4)
    assert await states(reader) == ["queued", "queued", "running"]
    assert await reasons(reader) == [*["workers answer an evaluation that was requested before it"] * 2, None]
    evaluator.clock.advance(timedelta(seconds=31))
    assert await states(reader, state="queued") == []
    assert await states(reader) == ["waiting for a worker"] * 3


async def test_an_evaluation_says_that_the_budget_of_its_endpoint_is_used_up(
    engine: AsyncEngine, evaluator: Evaluator
) -> None:
    await evaluator.publish(golden_set(8))
    await evaluator.deliver(requested())
    await evaluator.service.advance_all()
    terms = DirectTerms(*SCOPE, ("answer",), None, 1, calls_per_day=5, tokens_per_day=100_000)
    now = evaluator.clock.now()
    async with evaluator.store.begin() as tx:
        scope = SCOPE
        assert await list_exhausted_prompts(tx.conn, terms, scope, now.date()) == ()
        await DirectUsageRepository(tx.conn).add_usage(now.date(), DirectUsage(5, 10))
        assert await list_exhausted_prompts(tx.conn, terms, (SCOPE[0], "test"), now.date()) == ()
        exhausted = await list_exhausted_prompts(tx.conn, terms, scope, now.date())
        query = EvaluationFilter(None, None, None, "waiting for the budget", (None, None), 5)
        [view] = await EvaluationViewRepository(tx.conn, *scope, exhausted).list_evaluations(query, now)
    assert waiting_reason(view, now) == "the budget of the direct endpoint is used up until tomorrow (UTC)"


async def test_a_completed_evaluation_has_its_report(reader: httpx.AsyncClient, evaluator: Evaluator) -> None:
    await evaluator.publish(golden_set(8))
    await evaluator.deliver(requested())
    await evaluator.service.advance_all()
    (run,) = await evaluator.evaluations()
    path = f"/v1/evaluations/{run.id}"
    assert (await reader.get(f"{path}/report")).json()["code"] == "unknown-report"
    await evaluator.run_to_end(better)
    shown = (await reader.get(path)).json()
    report = (await reader.get(f"{path}/report")).json()
    assert shown["verdict"] == report["content"]["verdict"] == "pass"
    assert shown["settings"] == report["content"]["settings"]
    assert (shown["cases"], shown["excluded"], shown["difference"], shown["progress"]) == (8, 0, 1.0, None)
    assert digest_of(canonical_bytes(report["content"])) == report["digest"] == shown["report_digest"]
    assert report["measurements"]["baseline"]["answers"] == 8
    page = await reader.get(f"{path}/report", params={"format": "html"})
    assert page.headers["content-type"].startswith("text/html")
    assert "sandbox" in page.headers["content-security-policy"]
    assert report["digest"] in page.text
    assert (await reader.get(f"/v1/evaluations/{uuid4()}")).json()["code"] == "unknown-evaluation"


async def test_evaluations_are_paged_newest_first(reader: httpx.AsyncClient, evaluator: Evaluator) -> None:
    for _ in range(3):
        evaluator.clock.advance(timedelta(seconds=1))
        await evaluator.deliver(requested())
    first = (await reader.get("/v1/evaluations", params={"limit": 2})).json()
    second = (await reader.get("/v1/evaluations", params={"limit": 2, "cursor": first["next"]})).json()
    ids = [item["id"] for item in (*first["items"], *second["items"])]
    assert ids == [str(row.id) for row in reversed(await evaluator.evaluations())]
    assert second["next"] is None


async def test_texts_of_answers_come_back_as_they_were(
    worker: httpx.AsyncClient, reader: httpx.AsyncClient, evaluator: Evaluator
) -> None:
    odd = 'Ünïcode 🎉 "quoted" \\ back\u2028slash </script> {"a": [1.5, 1e-7]}'
    await evaluator.publish(golden_set(1, evaluators=[{"name": "length", "max": 5}]))
    await evaluator.deliver(requested())
    await evaluator.service.advance_all()
    answers = [{"task_id": t["task_id"], "token": t["token"], "returned": odd} for t in await lease(worker)]
    await worker.post(
        f"{ROUTE}/answers", content=json.dumps({"answers": answers}), headers={"content-type": "application/json"}
    )
    await evaluator.service.advance_all()
    (run,) = await evaluator.evaluations()
    report = (await reader.get(f"/v1/evaluations/{run.id}/report")).json()
    assert report["content"]["cases"][0]["candidate"][0]["output"] == odd
    assert digest_of(canonical_bytes(report["content"])) == report["digest"] == run.report_digest


async def test_an_evaluation_is_started_by_hand(
    worker: httpx.AsyncClient, settings: EvaluatorSettings, evaluator: Evaluator
) -> None:
    await evaluator.publish(golden_set(12))
    evaluator.clock.advance(timedelta(seconds=1))
    await evaluator.publish(golden_set(20), name="other")
    body = {
        "target": "support-bot", "name": "answer", "dataset": "cases", "base": BASELINE.to_dict(),
        "document": CANDIDATE.to_dict(), "settings": {"min_pass_rate": 0.5, "repeats": 2},
    }  # fmt: skip
    async with connect(settings, evaluator.clock, "tuner") as tuner:
        headers = {"idempotency-key": "one"}
        first = await tuner.post("/v1/evaluations", json=body, headers=headers)
        assert (first.status_code, first.json()["state"]) == (202, "waiting to start"), first.text
        await evaluator.run_to_end(better)
        again = await tuner.post("/v1/evaluations", json=body, headers=headers)
        assert (again.json()["id"], again.json()["verdict"]) == (first.json()["id"], "pass")
        other = await tuner.post("/v1/evaluations", json={**body, "base": None}, headers=headers)
        assert other.json()["code"] == "idempotency-mismatch"
        for field, wrong in (("document", {}), ("base", {"a": 1}), ("name", "a\nb"), ("settings", {"goal": "x"})):
            refused = await tuner.post("/v1/evaluations", json={**body, field: wrong})
            assert refused.status_code == 422
            assert refused.json()["errors"][0]["field"].startswith(field)
    (report,) = await evaluator.reports()
    assert (report["dataset"]["name"], len(report["cases"]), len(report["cases"][0]["candidate"])) == ("cases", 12, 2)
    assert await evaluator.emitted() == []
