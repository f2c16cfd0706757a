"""Reports of what a client serves."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from ratchet.client.prompt_cache import PromptCache
from ratchet.client.prompt_verification import Trust, trusted_keys
from ratchet.client.serving_reports import InstanceReporter
from ratchet.prompt import from_text
from tests.support.eventually import eventually
from tests.support.ratchet_server import PUBLIC, live_payload

NAMES = frozenset({"answer", "other"})
TEXT, NEWER = from_text("Answer {{question}}"), from_text("Answer {{question}} in {{words}}")


class Reported:
    """A reporter with its cache; `bodies` are the reports that the server got, `status` is its answer."""

    def __init__(self) -> None:
        self.cache = PromptCache(Trust(trusted_keys([PUBLIC]), "acme", "production"))
        self.reporter = InstanceReporter(self.cache, "web/1", 10.0, self.sleep)
        self.bodies: list[dict[str, Any]] = []
        self.paths: list[str] = []
        self.pauses: list[float] = []
        self.status = 204

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        await asyncio.sleep(0)

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.paths.append(request.url.raw_path.decode())
        self.bodies.append(json.loads(request.content))
        return httpx.Response(self.status, headers={"retry-after": "90"})

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with httpx.AsyncClient(base_url="http://a", transport=httpx.MockTransport(self.answer)) as client:
            task = asyncio.create_task(self.reporter.run(client, NAMES))
            yield
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def report(self, stream: str | None = None) -> dict[str, dict[str, Any]]:
        """Return the next report by prompt."""
        count = len(self.bodies)
        self.reporter.connected(stream)
        await eventually(lambda: len(self.bodies) > count)
        return {each["name"]: each for each in self.bodies[-1]["prompts"]}


async def test_what_is_served_is_reported() -> None:
    it = Reported()
    async with it.running():
        assert await it.report("s-1") == {"answer": {"name": "answer"}, "other": {"name": "other"}}
        assert (it.paths[0], it.bodies[0]["stream"]) == ("/v1/instances/web%2F1", "s-1")
        assert it.bodies[0]["sdk"].startswith("python")
        it.cache.accept_prompt(live_payload("answer", TEXT, sequence=3), NAMES)
        found = (await it.report())["answer"]
    assert found == {"name": "answer", "sequence": 3, "digest": TEXT.digest}


async def test_a_version_that_is_not_trusted_is_reported_with_the_reason() -> None:
    it = Reported()
    it.cache.accept_prompt(live_payload("answer", TEXT, sequence=3), NAMES)
    it.cache.accept_prompt({**live_payload("answer", NEWER, sequence=4), "digest": TEXT.digest}, NAMES)
    async with it.running():
        found = (await it.report())["answer"]
        assert (found["sequence"], found["refused_sequence"]) == (3, 4)
        assert found["refusal"] == "its signature is invalid"
        it.cache.accept_prompt(live_payload("answer", NEWER, sequence=4), NAMES)
        assert "refusal" not in (await it.report())["answer"]


async def test_a_version_unlike_the_apps_default_is_refused_and_not_served() -> None:
    it = Reported()
    told: list[int] = []
    it.cache.on_refusal = lambda: told.append(1)
    it.cache.accept_prompt(live_payload("answer", NEWER, sequence=4), NAMES)
    for _ in range(2):
        assert not it.cache.serve("answer", "Answer {{question}}", None).live
    assert told == [1]
    async with it.running():
        found = (await it.report())["answer"]
    assert (found.get("sequence"), found["refused_sequence"]) == (None, 4)
    assert "words" in found["refusal"]


@pytest.mark.parametrize(("status", "pause"), [(404, 600.0), (429, 90.0), (204, None), (503, 90.0)])
async def test_an_older_or_busy_server_is_asked_later(status: int, pause: float | None) -> None:
    it = Reported()
    it.status = status
    async with it.running():
        await it.report()
        await it.report()
    assert max(it.pauses) == pause if pause else max(it.pauses) <= 0.5


async def test_nothing_is_reported_before_a_key_is_trusted() -> None:
    it = Reported()
    it.cache = PromptCache(Trust({}))
    it.reporter = InstanceReporter(it.cache, "web", 10.0, it.sleep)
    async with it.running():
        it.reporter.connected("s")
        await eventually(lambda: len(it.pauses) == 1)
    assert it.bodies == []
