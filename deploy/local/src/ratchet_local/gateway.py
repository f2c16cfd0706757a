"""Routes requests to the services in this process, and runs their lifespans."""

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

import httpx
from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from ratchet_local.routes import service_of


class Gateway:
    """Routes each request to the service of its path; all other paths go to `fallback`."""

    def __init__(self, services: Mapping[str, ASGIApp], fallback: ASGIApp) -> None:
        self._services = services
        self._fallback = fallback

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        service = service_of(scope["path"])
        app = self._fallback if service is None else self._services[service]
        await app(scope, receive, send)


@asynccontextmanager
async def run_lifespans(apps: Iterable[FastAPI]) -> AsyncIterator[None]:
    """Enter the lifespan of each app in order; leave them in reverse order.

    Starlette does not run the lifespans of apps below another one.
    """
    async with AsyncExitStack() as stack:
        for app in apps:
            await stack.enter_async_context(app.router.lifespan_context(app))
        yield


async def get_in_process(app: ASGIApp, path: str) -> tuple[int, bytes]:
    """Return the status and body of `GET path` of an app in this process, without a socket."""
    headers = {"accept-encoding": "identity"}
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://127.0.0.1", headers=headers
    ) as client:
        response = await client.get(path)
        return response.status_code, response.content
