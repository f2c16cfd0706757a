"""Malformed headers are rejected and never cause an internal error."""

import logging
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request

from shared.web.csrf import require_same_origin
from shared.web.error_handlers import install_problems
from shared.web.host import ValidHost


def app() -> FastAPI:
    made = FastAPI(redirect_slashes=False)
    install_problems(made)
    made.add_middleware(ValidHost)

    @made.post("/change")
    async def change(request: Request) -> dict[str, str]:
        require_same_origin(request)
        await request.body()
        return {"url": str(request.url)}

    return made


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=app())
    async with httpx.AsyncClient(transport=transport, base_url="http://here") as found:
        yield found


@pytest.mark.parametrize(
    "origin", ["http://[", "http://]", "null", "", "here", "//here", "http://here@evil.com", "http://evil.com",
               "http://here.evil.com", "http://[::1", "http://here:99999999999", "\xff"]
)  # fmt: skip
async def test_malformed_origin_is_cross_site(client: httpx.AsyncClient, origin: str) -> None:
    headers = {"host": "here", "origin": origin.encode("latin-1")}
    answer = await client.post("/change", headers=headers)  # type: ignore[arg-type]
    assert (answer.status_code, answer.json()["code"]) == (403, "cross-origin")


@pytest.mark.parametrize("host", ["here", "here:8080", "[::1]:8080", "127.0.0.1"])
async def test_own_pages_are_recognised_by_their_origin(client: httpx.AsyncClient, host: str) -> None:
    answer = await client.post("/change", headers={"host": host, "origin": f"https://{host}"})
    assert answer.status_code == 200


@pytest.mark.parametrize("host", ["[", "http://[", "a b", "[::1", "a/b", "a:b", "\x80", "a:123456"])
async def test_malformed_host_is_rejected(client: httpx.AsyncClient, host: str) -> None:
    headers = {"host": host.encode("latin-1"), "origin": "http://here"}
    answer = await client.post("/change", headers=headers)  # type: ignore[arg-type]
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")


async def test_double_slash_is_not_found(client: httpx.AsyncClient) -> None:
    answer = await client.post("/change/", headers={"host": "evil.com"})
    assert (answer.status_code, answer.headers.get("location")) == (404, None)


async def test_client_disconnect_logs_no_traceback(caplog: pytest.LogCaptureFixture) -> None:
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http", "method": "POST", "path": "/change", "raw_path": b"/change", "query_string": b"",
        "headers": [(b"host", b"here"), (b"origin", b"http://here")], "scheme": "http", "http_version": "1.1",
        "server": ("here", 80), "client": ("1.2.3.4", 1), "root_path": "",
    }  # fmt: skip
    with caplog.at_level(logging.DEBUG):
        await app()(scope, receive, send)
    assert sent[0]["status"] == 400
    assert "Traceback" not in caplog.text
