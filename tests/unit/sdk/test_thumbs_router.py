"""The route of a FastAPI app that forwards thumbs."""

from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Header, HTTPException

from ratchet import Ratchet
from ratchet.integrations.fastapi import thumbs_router
from tests.support.ratchet_server import FakeServer


def current_user(x_user: str | None = Header(None)) -> str:
    if x_user is None:
        raise HTTPException(401)
    return x_user


@pytest.fixture
def app(client: Ratchet) -> httpx.AsyncClient:
    app = FastAPI()
    app.include_router(thumbs_router(client, user=current_user), prefix="/api")
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://app", headers={"x-user": "u1"})


async def test_a_thumb_is_forwarded_with_the_apps_user(
    app: httpx.AsyncClient, client: Ratchet, server: FakeServer
) -> None:
    body = {"execution_id": "e1", "thumb": False, "comment": "Too long"}
    answer = await app.post("/api/thumbs", json=body)
    assert answer.status_code == 202
    assert client.flush()
    sent = server.bodies[answer.json()["id"]]
    del sent["occurred_at"]
    assert sent == {**sent, "execution_id": "e1", "kind": "thumb", "value": False, "comment": "Too long", "user": "u1"}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"execution_id": "e1"}, 422),
        ({"execution_id": "e1", "thumb": "yes"}, 422),
        ({"execution_id": "", "thumb": True}, 422),
        ({"execution_id": "a\nb", "thumb": True}, 422),
        ({"execution_id": "e" * 129, "thumb": True}, 422),
        ({"execution_id": "e1", "thumb": True, "comment": "x" * 20_001}, 422),
        ([], 422),
    ],
)
async def test_other_bodies_are_refused(app: httpx.AsyncClient, client: Ratchet, body: Any, status: int) -> None:
    assert (await app.post("/api/thumbs", json=body)).status_code == status
    assert client.counters.accepted == 0


async def test_the_apps_own_check_refuses_others(app: httpx.AsyncClient, client: Ratchet) -> None:
    app.headers.pop("x-user")
    answer = await app.post("/api/thumbs", json={"execution_id": "e1", "thumb": True})
    assert answer.status_code == 401
    assert client.counters.accepted == 0
