"""The console with fake services: tests set the response of each path."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import httpx
from fastapi import FastAPI

from console.app import build_app
from console.settings import ConsoleSettings
from console.upstream import Upstream
from shared.web.authentication import READING_COOKIE

NOW = "2026-01-02T03:04:05Z"
DIGEST = "sha256:" + "ab" * 32
OTHER = "sha256:" + "cd" * 32
SETTINGS = {
    "kafka_bootstrap": "127.0.0.1:1",
    "api_url": "http://api",
    "instance": "test",
    "rate_limit_key": 0,
    "rate_limit_address": 0,
}


@dataclass
class FakeServices:
    """Responses by API path: JSON, a status with a problem, None for no response, or a function that returns one."""

    answers: dict[str, Any] = field(default_factory=dict)
    requests: list[httpx.Request] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.sign_in("read", "tune", "review", "operate", "admin")
        self.answers["/v1/loop"] = {
            "halted": False, "scope": "environment", "revision": 0, "by": None, "reason": None, "at": None,
        }  # fmt: skip

    def sign_in(self, *scopes: str, role: str = "admin", subject: str = "ann") -> None:
        """Set the signed-in person and their scopes."""
        scope = {"project": "acme", "environment": "production"}
        self.answers["/v1/session"] = {
            **scope, "subject": subject, "kind": "person", "role": role, "scopes": list(scopes), "expires_at": NOW
        }  # fmt: skip

    def refuse(self, path: str, status: int, code: str = "refused", title: str = "No") -> None:
        self.answers[path] = (status, {"code": code, "title": title, "status": status})

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        path = request.url.path
        if path not in self.answers:
            return httpx.Response(404, json={"code": "not-found", "title": "Not Found"})
        response = self.answers[path]
        if callable(response):
            response = response()
        if response is None:
            raise httpx.ConnectError("unavailable")
        status, body = response if isinstance(response, tuple) else (200, response)
        return httpx.Response(status, json=body)

    def queries(self, path: str) -> list[Mapping[str, str]]:
        """Return the query parameters of the requests to a path."""
        return [dict(request.url.params) for request in self.requests if request.url.path == path]


@cache
def shared_app() -> FastAPI:
    """Return a console for all tests of this process: building one takes longer than most requests to it."""
    return build_app(ConsoleSettings.model_validate(SETTINGS))


@asynccontextmanager
async def console_client(api: FakeServices, *, signed_in: bool = True) -> AsyncIterator[httpx.AsyncClient]:
    """Return a client of a console with the services `api`, signed in by default."""
    app, services = shared_app(), httpx.MockTransport(api.answer)
    cookies = {READING_COOKIE: "rk_a_b"} if signed_in else {}
    transport = httpx.ASGITransport(app, raise_app_exceptions=True)
    async with (
        httpx.AsyncClient(transport=services, base_url="http://api") as upstream,
        httpx.AsyncClient(transport=transport, base_url="http://console", cookies=cookies) as client,
    ):
        app.state.upstream = Upstream(upstream)
        yield client
