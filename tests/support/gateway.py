"""A gateway to services in other processes, like that of compose.yaml: routes requests by path."""

import socket
import threading
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from ratchet_local.routes import service_of
from tests.support.eventually import eventually_sync

_METHODS = ["GET", "POST", "DELETE"]
_HOP_BY_HOP = {"connection", "content-encoding", "content-length", "host", "transfer-encoding"}


@contextmanager
def gateway(addresses: Mapping[str, str]) -> Iterator[str]:
    """Yield the URL of a gateway to `addresses` (service → URL), served by a thread while the block runs."""
    server = uvicorn.Server(uvicorn.Config(_app(addresses), log_config=None, timeout_graceful_shutdown=1))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            eventually_sync(lambda: server.started)
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


def _app(addresses: Mapping[str, str]) -> Starlette:
    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with httpx.AsyncClient(timeout=None, limits=httpx.Limits(max_connections=None)) as client:
            app.state.client = client
            yield

    async def forward(request: Request) -> Response:
        service = service_of(request.url.path)
        if service is None:
            return Response(status_code=404)
        client: httpx.AsyncClient = request.app.state.client
        url = f"{addresses[service]}{request.url.path}?{request.url.query}".rstrip("?")
        headers = _end_to_end_headers(request.headers)
        outgoing = client.build_request(request.method, url, headers=headers, content=await request.body())
        answer = await client.send(outgoing, stream=True)
        ending = BackgroundTask(answer.aclose)
        return StreamingResponse(
            answer.aiter_bytes(), answer.status_code, _end_to_end_headers(answer.headers), background=ending
        )

    return Starlette(routes=[Route("/{path:path}", forward, methods=_METHODS)], lifespan=lifespan)


def _end_to_end_headers(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() not in _HOP_BY_HOP}
