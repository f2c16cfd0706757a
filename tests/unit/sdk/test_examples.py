"""The programs in `examples/` run unchanged."""

import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

import ratchet
from tests.support.ratchet_server import FakeServer

EXAMPLES = Path(__file__).parents[3] / "examples"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeServer]:
    """A server for the clients that the examples create, which are closed at the end."""
    made = FakeServer()
    clients: list[Any] = []

    def reached(client: Any, **options: object) -> Any:
        clients.append(client("http://ratchet.test", "rk_a_b", transport=made.transport(), **options))
        return clients[-1]

    for name in ("Ratchet", "AsyncRatchet"):
        original = getattr(ratchet, name)
        monkeypatch.setattr(ratchet, name, lambda original=original: reached(original))
    monkeypatch.chdir(EXAMPLES)
    yield made
    for client in clients:
        client._close(5.0)


def recorded(server: FakeServer) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the execution and the feedback received."""
    execution, feedback = sorted(server.bodies.values(), key=lambda body: "kind" in body)
    return execution, feedback


async def test_plain_program(server: FakeServer) -> None:
    ran = runpy.run_path("plain.py")
    assert ran["client"].flush()
    execution, feedback = recorded(server)
    assert (execution["target"], execution["prompts"][0]["name"]) == ("my-app", "my-app-answer")
    assert execution["prompts"][0]["document"]["messages"][0]["content"].startswith("You answer customers")
    assert (feedback["execution_id"], feedback["kind"], feedback["value"]) == (execution["id"], "thumb", True)


async def test_the_fastapi_app(server: FakeServer) -> None:
    ran = runpy.run_path("fastapi_app.py")
    async with httpx.AsyncClient(transport=httpx.ASGITransport(ran["app"]), base_url="http://app") as visitor:
        asked = (await visitor.post("/ask", params={"question": "Where?"})).json()
        thumb = await visitor.post("/thumb", params={"call": asked["call"], "up": False})
    assert thumb.status_code == 200
    assert await ran["client"].flush()
    execution, feedback = recorded(server)
    assert (execution["id"], execution["input"], execution["target"]) == (asked["call"], "Where?", "my-app")
    assert (feedback["execution_id"], feedback["value"]) == (asked["call"], False)
