"""What is live, for apps: one prompt with its ETag, and a stream that pushes changes."""

import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import StreamingResponse
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from gatekeeper.delivery.hub import Client, Crowded, Frame, Hub, Scope
from gatekeeper.rollouts.live import frame
from gatekeeper.rollouts.store import live
from shared.web.keys import Principal, require
from shared.web.problems import Problem, invalid

_reader = require("ingest", "read")
App = Annotated[Principal, Depends(_reader)]
KEEP_ALIVE_S = 15.0
_MAX_NAMES = 200


def delivery_router(engine: AsyncEngine, hub: Hub, keep_alive: float = KEEP_ALIVE_S) -> APIRouter:
    """`GET /v1/prompts/{name}` and `GET /v1/stream`, which says something every `keep_alive` seconds."""
    router = APIRouter(prefix="/v1", tags=["delivery"])

    @router.get("/prompts/{name}")
    async def prompt(request: Request, who: App, name: str) -> Response:
        """The signed `prompt.live`. `If-None-Match` with its ETag: 304 without a body."""
        async with engine.connect() as conn:
            found = await live(conn, who.project, who.environment, [name])
        if not found:
            raise Problem(404, "prompt-not-live", "Nothing is live under this name")
        headers = {"ETag": f'"{found[0].sequence}-{found[0].digest[7:23]}"', "Cache-Control": "private, no-cache"}
        if _matches(request.headers.get("if-none-match", ""), headers["ETag"]):
            return Response(status_code=304, headers=headers)
        return Response(found[0].model_dump_json(), headers=headers, media_type="application/json")

    @router.get("/stream")
    async def stream(request: Request, who: App, names: str | None = None) -> StreamingResponse:
        """Server-sent events: what is live now, then every change at once. `names` are parted by commas.

        It ends soon after its key was revoked.
        """
        wanted = None if names is None else [name for name in names.split(",") if name]
        if wanted is not None and not 1 <= len(wanted) <= _MAX_NAMES:
            raise invalid("names", f"must be 1 to {_MAX_NAMES} names")
        scope = (who.project, who.environment)
        try:
            client = hub.join(scope, wanted)
        except Crowded:
            raise Problem(
                503, "too-many-streams", "This instance has too many open streams", headers={"Retry-After": "5"}
            ) from None
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        chunks = _while_allowed(_written(engine, hub, scope, client, keep_alive), request, keep_alive)
        return StreamingResponse(chunks, headers=headers, media_type="text/event-stream")

    return router


async def _while_allowed(chunks: AsyncGenerator[bytes, None], request: Request, every: float) -> AsyncIterator[bytes]:
    """`chunks`, for as long as the request's key may read; that is asked `every` so many seconds."""
    asked = time.monotonic()
    async with aclosing(chunks):
        async for chunk in chunks:
            if time.monotonic() - asked >= every:
                if not await _allowed(request):
                    return
                asked = time.monotonic()
            yield chunk


async def _allowed(request: Request) -> bool:
    try:
        await _reader(request)
    except Problem:
        return False
    except (OSError, SQLAlchemyError):
        return True  # who is connected goes on being served while the database is away
    return True


async def _written(
    engine: AsyncEngine, hub: Hub, scope: Scope, client: Client, keep_alive: float
) -> AsyncGenerator[bytes, None]:
    try:
        # The client joined first: what goes live while the snapshot is read reaches it too, and once.
        async with engine.connect() as conn:
            now = await live(conn, *scope, None if client.names is None else sorted(client.names))
        for said in now:
            client.offer(Frame(said.name, said.sequence, frame(said)))
        yield b": connected\n\n"
        async for chunk in client.frames(keep_alive):
            yield chunk
    finally:
        hub.leave(scope, client)


def _matches(sent: str, etag: str) -> bool:
    return sent.strip() == "*" or etag in (tag.strip().removeprefix("W/") for tag in sent.split(","))
