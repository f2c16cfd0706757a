"""The examples run offline, against local servers."""

import runpy
from pathlib import Path

import httpx
import pytest

import ratchet
from ratchet import AsyncRatchet, Ratchet
from tests.integration.sdk.conftest import Recorded
from tests.support.model_server import ModelServer
from tests.support.ratchet_server import FakeServer

EXAMPLES = Path(__file__).parents[3] / "examples"


def test_openai_is_observed(
    client: Ratchet, models: ModelServer, recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(EXAMPLES)
    monkeypatch.setattr(ratchet, "configure", lambda: client, raising=False)
    for name, value in {"OPENAI_BASE_URL": f"{models.url}/v1", "OPENAI_API_KEY": "x", "MODEL": "answer"}.items():
        monkeypatch.setenv(name, value)
    runpy.run_path("observed_openai.py")
    step, root, thumb = (*[body for body in recorded.all() if "target" in body], recorded.all()[-1])
    assert (root["target"], root["output"], root["model"]) == ("my-app", "Paris is rainy.", "gpt-4o-2024-08-06")
    assert [use["name"] for use in root["prompts"]] == ["my-app-answer"]
    assert (step["target"], step["parent_id"]) == ("my-app/openai", root["id"])
    assert thumb["execution_id"] == root["id"]


async def test_fastapi_is_observed_and_takes_thumbs(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(EXAMPLES)
    async with AsyncRatchet("http://ratchet", "k", transport=server.transport()) as client:
        monkeypatch.setattr(ratchet, "configure", lambda kind: client, raising=False)
        app = runpy.run_path("observed_fastapi.py")["app"]
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://app") as page:
            answer = (await page.post("/ask", params={"question": "why?"})).json()
            thumb = {"execution_id": answer["execution_id"], "thumb": True}
            assert (await page.post("/thumbs", json=thumb)).status_code == 401
            assert (await page.post("/thumbs", json=thumb, headers={"x-user": "u1"})).status_code == 202
        assert await client.flush(60)
    execution = server.bodies[answer["execution_id"]]
    assert (execution["target"], execution["output"]) == ("my-app", "An answer to 1 message(s).")
    assert [body["execution_id"] for body in server.bodies.values() if "kind" in body] == [execution["id"]]
