"""The console over services that are made up: what each path answers is said by the test."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from console.app import build_app
from console.settings import ConsoleSettings
from shared.web.authentication import READING_COOKIE

NOW = "2026-01-02T03:04:05Z"
DIGEST = "sha256:" + "ab" * 32
OTHER = "sha256:" + "cd" * 32
SETTINGS = {"kafka_bootstrap": "127.0.0.1:1", "api_url": "http://api", "instance": "test"}


@dataclass
class Made:
    """Paths of the API and what they answer: JSON, a status with a problem, or None for no answer at all."""

    answers: dict[str, Any] = field(default_factory=dict)
    asked: list[httpx.Request] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.sign_in("read", "tune", "review", "operate", "admin")
        self.answers["/v1/loop"] = {
            "halted": False, "scope": "environment", "revision": 0, "by": None, "reason": None, "at": None,
        }  # fmt: skip

    def sign_in(self, *scopes: str, role: str = "admin", subject: str = "ann") -> None:
        """Who looks, and what their session may."""
        place = {"project": "acme", "environment": "production"}
        self.answers["/v1/session"] = {
            **place, "subject": subject, "kind": "person", "role": role, "scopes": list(scopes), "expires_at": NOW
        }  # fmt: skip

    def refuse(self, path: str, status: int, code: str = "refused", title: str = "No") -> None:
        self.answers[path] = (status, {"code": code, "title": title, "status": status})

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        path = request.url.path
        if path not in self.answers:
            return httpx.Response(404, json={"code": "not-found", "title": "Not Found"})
        said = self.answers[path]
        if said is None:
            raise httpx.ConnectError("away")
        status, body = said if isinstance(said, tuple) else (200, said)
        return httpx.Response(status, json=body)

    def queries(self, path: str) -> list[Mapping[str, str]]:
        """The query parameters with which a path was asked."""
        return [dict(request.url.params) for request in self.asked if request.url.path == path]


@asynccontextmanager
async def browsing(api: Made, *, signed_in: bool = True) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a console over `api`, with the cookie of somebody who signed in."""
    app = build_app(ConsoleSettings.model_validate(SETTINGS), transport=httpx.MockTransport(api.answer))
    cookies = {READING_COOKIE: "rk_a_b"} if signed_in else {}
    transport = httpx.ASGITransport(app, raise_app_exceptions=True)
    async with httpx.AsyncClient(transport=transport, base_url="http://console", cookies=cookies) as client:
        yield client
