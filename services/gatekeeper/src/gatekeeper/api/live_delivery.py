"""HTTP API of delivery: one live prompt with its ETag, and the stream of changes."""

import re
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import StreamingResponse
from sqlalchemy.ext.asyncio import AsyncEngine

from gatekeeper.api.prompt_models import LivePromptView
from gatekeeper.api.prompt_names import NameInPath, stored_name
from gatekeeper.delivery.hub import Frame, Hub, Scope, StreamClient, TooManyStreams, TooManyStreamsOfKey, live_frame
from gatekeeper.storage.live_versions import LiveVersionRepository
from shared.auth.principal import Principal
from shared.problems import Problem, invalid
from shared.web.authentication import require
from shared.web.event_stream import CONNECTED, KEEP_ALIVE_S, event_stream_response
from shared.web.problem_docs import problems
from shared.web.response_models import describe_response
from shared.web.routers import combine_routers

App = Annotated[Principal, Depends(require("ingest", "read"))]
_MAX_NAMES = 200
_RETRY = {"Retry-After": "30"}
INSTANCE = re.compile(r"[\x20-\x7e]{1,100}")
"""Names that clients may give themselves."""
STREAM_HEADER = "x-ratchet-stream"
"""The id of a stream, which a client's report names: at the stream's end the client is gone."""


def delivery_router(engine: AsyncEngine, hub: Hub, keep_alive: float = KEEP_ALIVE_S) -> APIRouter:
    """Return the routes `GET /v1/prompts/{name}` and `GET /v1/stream`.

    `keep_alive`: seconds of silence after which a stream gets a comment.
    """
    return combine_routers(_prompt_route(engine), _stream_route(engine, hub, keep_alive))


def _prompt_route(engine: AsyncEngine) -> APIRouter:
    router = APIRouter(prefix="/v1", tags=["delivery"])

    @router.get(
        "/prompts/{name:path}",
        responses={
            **describe_response(LivePromptView),
            304: {"description": "Unchanged"},
            **problems({404: ["prompt-not-live"]}),
        },
    )
    async def prompt(request: Request, principal: App, name: NameInPath) -> Response:
        """Return the signed `prompt.live`; 304 if `If-None-Match` has its ETag."""
        async with engine.connect() as conn:
            found = await LiveVersionRepository(conn).list_live(principal.project, principal.environment, [name])
        if not found:
            raise Problem(404, "prompt-not-live", "Nothing is live under this name")
        headers = {"ETag": f'"{found[0].sequence}-{found[0].digest[7:23]}"', "Cache-Control": "private, no-cache"}
        if _matches(request.headers.get("if-none-match", ""), headers["ETag"]):
            return Response(status_code=304, headers=headers)
        return Response(found[0].model_dump_json(), headers=headers, media_type="application/json")

    return router


def _stream_route(engine: AsyncEngine, hub: Hub, keep_alive: float) -> APIRouter:
    router = APIRouter(prefix="/v1", tags=["delivery"])

    @router.get(
        "/stream",
        response_class=StreamingResponse,
        responses={
            200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}},
            **problems({429: ["too-many-streams"], 503: ["too-many-streams"]}),
        },
    )
    async def stream(request: Request, principal: App, names: str | None = None) -> StreamingResponse:
        """Stream server-sent events: what is live now, then every change. `names`: comma-separated; all without.

        The stream ends when its key is revoked. 429 or 503 with `Retry-After`: too many streams of this key or of
        this instance are open; poll `GET /v1/prompts/{name}` with `If-None-Match` instead.
        """
        wanted = None if names is None else [stored_name("names", name) for name in names.split(",") if name]
        if wanted is not None and not 1 <= len(wanted) <= _MAX_NAMES:
            raise invalid("names", f"must be 1 to {_MAX_NAMES} names")
        scope = (principal.project, principal.environment)
        try:
            client = hub.join(scope, wanted, _instance_name(request), principal.key_id)
        except TooManyStreamsOfKey:
            raise Problem(429, "too-many-streams", "This key has too many open streams", headers=_RETRY) from None
        except TooManyStreams:
            raise Problem(503, "too-many-streams", "This instance has too many open streams", headers=_RETRY) from None
        response = event_stream_response(_stream(engine, hub, scope, client, keep_alive))
        response.headers[STREAM_HEADER] = str(client.stream_id)
        return response

    return router


def _instance_name(request: Request) -> str | None:
    """Return the name that the client gives itself, if it is at most 100 printable ASCII characters."""
    given = request.headers.get("x-ratchet-instance", "")
    return given if INSTANCE.fullmatch(given) else None


async def _stream(
    engine: AsyncEngine, hub: Hub, scope: Scope, client: StreamClient, keep_alive: float
) -> AsyncIterator[bytes]:
    async def read_live() -> list[Frame]:
        async with engine.connect() as conn:
            names = None if client.names is None else sorted(client.names)
            found = await LiveVersionRepository(conn).list_live(*scope, names)
        return [live_frame(live) for live in found]

    try:
        # The client joined before this read, so a version that goes live meanwhile is sent, and sent once.
        for frame in await read_live():
            client.enqueue(frame)
        yield CONNECTED
        async for chunk in client.frames(keep_alive, read_live):
            yield chunk
    finally:
        hub.leave(scope, client)


def _matches(sent: str, etag: str) -> bool:
    return sent.strip() == "*" or etag in (tag.strip().removeprefix("W/") for tag in sent.split(","))
