"""`ratchet dataset push`, `publish` and `pull` against the evaluator's own API."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Self

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncEngine
from typer.testing import Result

from evaluator.app import build_app
from evaluator.settings import EvaluatorSettings
from evaluator.storage.tables import keys
from ratchet.cli.output import Exit
from ratchet_evaluation import worker_pool
from ratchet_evaluation.domain.answers import AppAnswer
from shared.auth.principal import hash_secret
from tests.support.command_line import run_command
from tests.support.datasets import sent_case
from tests.support.evaluation import FunctionAnswerer

PUSH = ("dataset", "push", "cases.jsonl", "returns", "--target", "bot")


@pytest.fixture
async def app(
    settings: EvaluatorSettings, engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> AsyncIterator[FastAPI]:
    """An evaluator that commands reach by the key of a person who may tune; the working folder is empty."""
    async with engine.begin() as conn:
        row = {"key_id": "ann", "revision": 1, "secret_hash": hash_secret("s"), "subject": "ann", "revoked": False}
        more = {"subject_kind": "person", "project": "acme", "environment": "test", "scopes": ["read", "tune"]}
        await conn.execute(insert(keys).values(**row, **more))
    app, loop = build_app(settings), asyncio.get_running_loop()
    transport = httpx.ASGITransport(app)

    async def answer(sent: httpx.Request) -> httpx.Response:
        request = httpx.Request(sent.method, sent.url, headers=sent.headers, content=sent.read())
        response = await transport.handle_async_request(request)
        return httpx.Response(response.status_code, headers=response.headers, content=await response.aread())

    def handle(_: httpx.HTTPTransport, request: httpx.Request) -> httpx.Response:
        return asyncio.run_coroutine_threadsafe(answer(request), loop).result(30)

    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", handle)
    monkeypatch.setenv("RATCHET_URL", "http://ratchet")
    monkeypatch.setenv("RATCHET_KEY", "rk_ann_s")
    monkeypatch.chdir(tmp_path)
    yield app
    await app.state.keys._engine.dispose()


def app_client(app: FastAPI) -> httpx.AsyncClient:
    headers = {"authorization": "Bearer rk_ann_s"}
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://ratchet", headers=headers)


async def run(*words: str) -> Result:
    return await asyncio.to_thread(run_command, *words)


async def report(*words: str) -> Any:
    done = await run(*words, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def write(*cases: dict[str, Any], name: str = "cases.jsonl") -> None:
    Path(name).write_text("".join(json.dumps(case) + "\n" for case in cases))


async def test_a_file_comes_back_from_the_server_as_it_was_pushed(app: FastAPI) -> None:
    """More cases than one request takes; the licence and the digest survive, and only accepted cases are published."""
    write(*(sent_case(n, input=f"{n * 7919} {'abcdefghij'[n % 10] * 20} {n}") for n in range(600)))
    manifest = await report("dataset", "cases.jsonl", "--manifest", "--licence", "CC0-1.0")
    pushed = await report(*PUSH)
    assert (pushed["added"], pushed["repeated"], pushed["accepted"], pushed["problems"]) == (600, 0, 0, [])
    nothing = await run("dataset", "publish", "returns", "--yes")
    assert (nothing.exit_code, "No case of this dataset is accepted" in nothing.stderr) == (8, True)

    again = await report(*PUSH, "--accept", "--yes")
    assert (again["added"], again["repeated"], again["accepted"]) == (0, 600, 600)
    published = await report("dataset", "publish", "returns", "--yes")
    assert (published["version"], published["digest"]) == (1, manifest["digest"])
    pulled = await report("dataset", "pull", "returns")
    assert (pulled["digest"], pulled["cases"]) == (manifest["digest"], 600)
    checked = await report("dataset", "check", "returns.jsonl")
    assert (checked["licence"], checked["name"], checked["digest"]) == ("CC0-1.0", "returns", manifest["digest"])


async def test_refused_cases_are_named_and_the_others_added(app: FastAPI) -> None:
    write(sent_case(1), sent_case(2))
    await run(*PUSH)
    write(sent_case(1, input="another text"), sent_case(3))
    done = await run(*PUSH)
    assert done.exit_code == 1
    assert "returns: 1 cases proposed, 0 were there already" in done.stdout
    assert "case-1" in done.stdout
    assert "is the id of a case with another content" in done.stdout
    assert "1 cases were refused" in done.stderr


async def test_rejected_cases_stay_rejected(app: FastAPI) -> None:
    write(sent_case(1), sent_case(2))
    await run(*PUSH)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://ratchet") as client:
        await client.post(
            "/v1/datasets/returns/cases/case-1/reviews", json={"state": "rejected"},
            headers={"authorization": "Bearer rk_ann_s"},
        )  # fmt: skip
    assert (await report(*PUSH, "--accept", "--yes"))["accepted"] == 1


async def test_nothing_is_accepted_or_published_without_a_yes(app: FastAPI) -> None:
    write(sent_case(1))
    assert (await run(*PUSH, "--accept")).exit_code == 6
    assert (await run("dataset", "publish", "returns")).exit_code == 7
    await run(*PUSH)
    assert (await run("dataset", "publish", "returns")).exit_code == 6


async def test_pull_overwrites_no_file_and_needs_a_version(app: FastAPI) -> None:
    write(sent_case(1))
    await run(*PUSH)
    missing = await run("dataset", "pull", "returns")
    assert (missing.exit_code, "has no published version" in missing.stderr) == (7, True)
    await run(*PUSH, "--accept", "--yes")
    version = await report("dataset", "publish", "returns", "--yes")
    write(sent_case(2), name="returns.jsonl")
    refused = await run("dataset", "pull", "returns")
    assert (refused.exit_code, "returns.jsonl exists" in refused.stderr) == (2, True)
    pulled = await report("dataset", "pull", "returns", "--digest", version["digest"], "--force")
    assert pulled["cases"] == 1
    unknown = await run("dataset", "pull", "returns", "--digest", f"sha256:{'0' * 64}", "--force")
    assert unknown.exit_code == 7


async def test_published_set_is_evaluated_by_its_name(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    class Pool(FunctionAnswerer):
        """Answers every case rightly; stands for the processes of an app."""

        def __init__(self, function: str, size: int, timeout_s: float) -> None:
            super().__init__(lambda prompt, case: AppAnswer("30 days"))

        def __enter__(self) -> Self:
            return self

        def __exit__(self, *error: object) -> None:
            return

    monkeypatch.setattr(worker_pool, "WorkerPool", Pool)
    write(*(sent_case(i, evaluators=[{"name": "contains", "values": ["30 days"]}]) for i in range(3)))
    await report(*PUSH, "--accept", "--yes")
    version = await report("dataset", "publish", "returns", "--yes")
    write({"schema": "ratchet.prompt/1", "messages": [{"role": "user", "content": "Answer."}]}, name="prompt.json")
    words = ("eval", "--dataset", "returns", "--worker", "a:b", "--prompt", "prompt.json", "--min-pass-rate", "1")
    found = await report(*words)
    assert found["content"]["verdict"] == "pass"
    assert found["content"]["dataset"]["digest"] == version["digest"]
    done = await run(*(word if word != "returns" else "missing" for word in words))
    assert done.exit_code == Exit.NOT_FOUND, done.output


async def test_variants_of_accepted_cases_are_proposed(app: FastAPI) -> None:
    write(sent_case(1, input="My lamp arrived broken. Can I return it?"), sent_case(2))
    await report(*PUSH, "--accept", "--yes")
    words = ("dataset", "augment", "returns", "--kind", "typo", "--kind", "reorder", "--yes")
    found = await report(*words)
    assert (found["added"], found["repeated"], found["problems"]) == (3, 0, [])
    assert (await report(*words))["repeated"] == 3
    async with app_client(app) as client:
        page = (await client.get("/v1/datasets/returns/cases", params={"state": "proposed"})).json()
    assert {(item["id"], item["case"]["parent"]) for item in page["items"]} == {
        ("case-1~typo", "case-1"), ("case-1~reorder", "case-1"), ("case-2~typo", "case-2"),
    }  # fmt: skip
    assert (await report("dataset", "publish", "returns", "--yes"))["cases"] == 2
