"""One ASGI app before several: requests go by their path, lifespans are entered together."""

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from ratchet_local.routes import service_of


class Gateway:
    """Hands each request to the service of its path; all other paths to `front`."""

    def __init__(self, services: Mapping[str, ASGIApp], front: ASGIApp) -> None:
        self._services = services
        self._front = front

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        service = service_of(scope["path"])
        app = self._front if service is None else self._services[service]
        await app(scope, receive, send)


@asynccontextmanager
async def running(apps: Iterable[FastAPI]) -> AsyncIterator[None]:
    """Enter the lifespan of each app in turn; leave them in the opposite order.

    Starlette does not run the lifespans of apps below another one.
    """
    async with AsyncExitStack() as stack:
        for app in apps:
            await stack.enter_async_context(app.router.lifespan_context(app))
        yield


async def ask(app: ASGIApp, path: str) -> tuple[int, bytes]:
    """Status and body of `GET path` on an app in this process."""
    status, body = 500, bytearray()

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Mapping[str, object]) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = int(str(message["status"]))
        elif isinstance(part := message.get("body"), bytes):
            body.extend(part)

    scope: Scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [],
        "client": None,
        "server": None,
    }
    await app(scope, receive, send)
    return status, bytes(body)
