"""The stream by which an open page hears of news: who is gone early, and whose session ended, holds no place."""

import asyncio
import gc
from collections.abc import Callable, MutableMapping
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from console.app import build_app
from console.notifications import OpenPages
from console.pages import session
from console.settings import ConsoleSettings
from tests.support.console import SETTINGS, Made

PLACE = ("acme", "production")


def console(api: Made) -> FastAPI:
    """One that keeps a single page up to date."""
    settings = ConsoleSettings.model_validate({**SETTINGS, "max_pages": 1})
    return build_app(settings, transport=httpx.MockTransport(api.answer))


async def listen(app: FastAPI, until: asyncio.Event, heard: Callable[[bytes], None]) -> None:
    """Asks for the stream, as a browser that goes away at `until`."""

    async def receive() -> dict[str, Any]:
        await until.wait()
        return {"type": "http.disconnect"}

    async def send(message: MutableMapping[str, Any]) -> None:
        await asyncio.sleep(0)  # as a socket that has to be waited for
        heard(message.get("body", b""))

    headers = [(b"cookie", b"ratchet_reading=rk_a_b")]
    asgi = {"version": "3.0", "spec_version": "2.3"}
    where = {"scheme": "http", "path": "/events", "raw_path": b"/events", "query_string": b"", "root_path": ""}
    ends: dict[str, Any] = {"client": None, "server": None, "state": {}}
    scope = {"type": "http", "asgi": asgi, "http_version": "1.1", "method": "GET", "headers": headers, **where, **ends}
    await app(scope, receive, send)


async def test_who_is_gone_before_the_stream_begins_holds_no_place() -> None:
    app, gone = console(Made()), asyncio.Event()
    gone.set()
    await listen(app, gone, lambda _: None)
    gc.collect()
    pages: OpenPages = app.state.pages
    pages.join(PLACE, "ann")


async def test_news_without_a_pause_does_not_outlast_the_session(monkeypatch: pytest.MonkeyPatch) -> None:
    api = Made()
    app = console(api)
    pages: OpenPages = app.state.pages
    monkeypatch.setattr(session, "_KEEP_ALIVE_S", 0.001)

    def heard(body: bytes) -> None:
        api.refuse("/v1/session", 403)
        pages.tell(PLACE, "prompt.live")

    async with asyncio.timeout(60):
        await listen(app, asyncio.Event(), heard)
    pages.join(PLACE, "ann")
