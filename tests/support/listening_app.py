"""An ASGI app on a socket, in the event loop of the test."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn

from ratchet_local.ports import free_port
from tests.support.eventually import eventually


@asynccontextmanager
async def listening(app: Any) -> AsyncIterator[str]:
    """Serve `app` without its lifespan, and yield its URL."""
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, port=port, lifespan="off", log_config=None))
    task = asyncio.create_task(server.serve())
    await eventually(lambda: server.started)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        server.force_exit = True
        await task
