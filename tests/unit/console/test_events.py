"""The event stream of open pages: a closed page and an ended session free their stream."""

import asyncio
import gc
from collections.abc import Callable, MutableMapping
from typing import Any

import httpx
from fastapi import FastAPI

from console.app import build_app
from console.notifications import Notifications
from console.settings import ConsoleSettings
from tests.support.console import SETTINGS, FakeServices

SCOPE = ("acme", "production")


def console(api: FakeServices) -> FastAPI:
    """Build a console for a single open page."""
    settings = ConsoleSettings.model_validate({**SETTINGS, "max_pages": 1})
    return build_app(settings, transport=httpx.MockTransport(api.answer))


async def listen(app: FastAPI, until: asyncio.Event, on_body: Callable[[bytes], None]) -> None:
    """Request the stream as a browser that disconnects at `until`."""

    async def receive() -> dict[str, Any]:
        await until.wait()
        return {"type": "http.disconnect"}

    async def send(message: MutableMapping[str, Any]) -> None:
        await asyncio.sleep(0)  # await, as when sending on a socket
        on_body(message.get("body", b""))

    headers = [(b"cookie", b"ratchet_reading=rk_a_b")]
    asgi = {"version": "3.0", "spec_version": "2.3"}
    where = {"scheme": "http", "path": "/events", "raw_path": b"/events", "query_string": b"", "root_path": ""}
    ends: dict[str, Any] = {"client": None, "server": None, "state": {}}
    scope = {"type": "http", "asgi": asgi, "http_version": "1.1", "method": "GET", "headers": headers, **where, **ends}
    await app(scope, receive, send)


async def test_a_page_closed_before_the_first_frame_frees_its_stream() -> None:
    app, gone = console(FakeServices()), asyncio.Event()
    gone.set()
    await listen(app, gone, lambda _: None)
    gc.collect()
    pages: Notifications = app.state.notifications
    pages.join(*SCOPE, "ann")


async def test_constant_notifications_do_not_outlast_the_session() -> None:
    api = FakeServices()
    app = console(api)
    pages = app.state.notifications = Notifications(1, keep_alive=0.001)

    def on_body(body: bytes) -> None:
        api.refuse("/v1/session", 403)
        pages.publish(*SCOPE, "prompt.live")

    async with asyncio.timeout(60):
        await listen(app, asyncio.Event(), on_body)
    pages.join(*SCOPE, "ann")
