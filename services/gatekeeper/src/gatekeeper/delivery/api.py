"""What is live, for apps: one prompt with its ETag, and a stream that pushes changes; and who listens, for people."""

import re
from collections.abc import AsyncIterator
from dataclasses import asdict
from itertools import chain, islice
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import StreamingResponse
from sqlalchemy.ext.asyncio import AsyncEngine

from gatekeeper.delivery.frames import to_frame
from gatekeeper.delivery.hub import Hub, Scope, StreamClient, TooManyStreams, TooManyStreamsOfKey
from gatekeeper.promotion.repository import list_live
from gatekeeper.registry.prompt_names import NameInPath, stored_name
from shared.auth.principal import Principal
from shared.problems import Problem, invalid
from shared.web.authentication import require

App = Annotated[Principal, Depends(require("ingest", "read"))]
Reader = Annotated[Principal, Depends(require("read"))]
KEEP_ALIVE_S = 15.0
_MAX_NAMES = 200
_MAX_ROWS = 1000
_LATER = {"Retry-After": "30"}
_INSTANCE = re.compile(r"[\x20-\x7e]{1,100}")


def delivery_router(engine: AsyncEngine, hub: Hub, instance: str, keep_alive: float = KEEP_ALIVE_S) -> APIRouter:
    """`GET /v1/prompts/{name}`, `GET /v1/stream`, which says something every `keep_alive` seconds, `GET /v1/instances`.

    `instance` is this gatekeeper's own name.
    """
    router = APIRouter(prefix="/v1", tags=["delivery"])

    @router.get("/prompts/{name:path}")
    async def prompt(request: Request, who: App, name: NameInPath) -> Response:
        """The signed `prompt.live`. `If-None-Match` with its ETag: 304 without a body."""
        async with engine.connect() as conn:
            found = await list_live(conn, who.project, who.environment, [name])
        if not found:
            raise Problem(404, "prompt-not-live", "Nothing is live under this name")
        headers = {"ETag": f'"{found[0].sequence}-{found[0].digest[7:23]}"', "Cache-Control": "private, no-cache"}
        if _matches(request.headers.get("if-none-match", ""), headers["ETag"]):
            return Response(status_code=304, headers=headers)
        return Response(found[0].model_dump_json(), headers=headers, media_type="application/json")

    @router.get("/stream")
    async def stream(request: Request, who: App, names: str | None = None) -> StreamingResponse:
        """Server-sent events: what is live now, then every change at once. `names` are parted by commas.

        It ends when its key is revoked. 429 or 503 with `Retry-After`: too many streams of this key or of this
        instance are open; `GET /v1/prompts/{name}` with `If-None-Match` is the other way to stay current.
        """
        wanted = None if names is None else [stored_name("names", name) for name in names.split(",") if name]
        if wanted is not None and not 1 <= len(wanted) <= _MAX_NAMES:
            raise invalid("names", f"must be 1 to {_MAX_NAMES} names")
        scope = (who.project, who.environment)
        try:
            client = hub.join(scope, wanted, _named(request), who.key_id)
        except TooManyStreamsOfKey:
            raise Problem(429, "too-many-streams", "This key has too many open streams", headers=_LATER) from None
        except TooManyStreams:
            raise Problem(503, "too-many-streams", "This instance has too many open streams", headers=_LATER) from None
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        chunks = _written(engine, hub, scope, client, keep_alive)
        return StreamingResponse(chunks, headers=headers, media_type="text/event-stream")

    @router.get("/instances")
    async def instances(who: Reader) -> dict[str, Any]:
        """Who listens at this gatekeeper instance, and what each was last sent of each prompt, and when.

        `connected` counts them all; `items` are 1,000 rows at most. Whether an app trusts what it got is its affair.
        """
        clients = hub.connected((who.project, who.environment))
        rows = islice(chain.from_iterable(client.told() for client in clients), _MAX_ROWS)
        return {"gatekeeper": instance, "connected": len(clients), "items": [asdict(row) for row in rows]}

    return router


def _named(request: Request) -> str | None:
    """What the client calls itself, if that is short and printable ASCII; it proves nothing."""
    given = request.headers.get("x-ratchet-instance", "")
    return given if _INSTANCE.fullmatch(given) else None


async def _written(
    engine: AsyncEngine, hub: Hub, scope: Scope, client: StreamClient, keep_alive: float
) -> AsyncIterator[bytes]:
    try:
        # The client joined first: what goes live while the snapshot is read reaches it too, and once.
        async with engine.connect() as conn:
            now = await list_live(conn, *scope, None if client.names is None else sorted(client.names))
        for said in now:
            client.offer(to_frame(said))
        yield b": connected\n\n"
        async for chunk in client.frames(keep_alive):
            yield chunk
    finally:
        hub.leave(scope, client)


def _matches(sent: str, etag: str) -> bool:
    return sent.strip() == "*" or etag in (tag.strip().removeprefix("W/") for tag in sent.split(","))
