"""An in-memory Ratchet server for tests of the client, which counts effects and injects faults."""

import asyncio
import gzip
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import uuid4

import httpx

from ratchet import signing
from ratchet.prompt import Prompt

PRIVATE = signing.new_private_key()
PUBLIC = signing.public_key(PRIVATE)

Fault = Callable[[httpx.Request], httpx.Response | None]


class FakeServer:
    """Responds as the services do. `effects` counts by id the items that took effect.

    Each fault is applied to one request, in order, before (`faults`) or after (`lost_answers`) the effect.
    """

    def __init__(self) -> None:
        self.effects: Counter[str] = Counter()
        self.bodies: dict[str, dict[str, Any]] = {}
        self.requests: list[httpx.Request] = []
        self.faults: list[Fault] = []
        self.lost_answers = 0
        self.reads_gzip = True
        """False: as a server that an earlier version was installed on."""
        self.refuse: Callable[[dict[str, Any]], str | None] = lambda item: None
        self.live: dict[str, dict[str, Any]] = {}
        self.keys = [PUBLIC]
        self.pages: dict[str, Any] = {}
        """Responses of other routes: "GET /v1/loop" → a JSON value, a response, or a function of the request."""
        self._batches: dict[str, bytes] = {}
        self.streams: list[EventStream] = []

    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self.answer)

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if self.faults and (response := self.faults.pop(0)(request)) is not None:
            return response
        path = request.url.path
        if (page := self.pages.get(f"{request.method} {path}")) is not None:
            answer = page(request) if callable(page) else page
            return answer if isinstance(answer, httpx.Response) else httpx.Response(200, json=answer)
        if path in ("/v1/executions", "/v1/feedback"):
            return self._ingest(request)
        if path == "/v1/signing-keys":
            keys = [{"key_id": signing.key_id(key), "public_key": key} for key in self.keys]
            return httpx.Response(200, json={"keys": keys})
        if path == "/v1/stream":
            return self._stream(request)
        name = path.removeprefix("/v1/prompts/")
        if name not in self.live:
            return httpx.Response(404, json={"code": "prompt-not-live"})
        etag = f'"{self.live[name]["sequence"]}-{hash(json.dumps(self.live[name]))}"'
        if request.headers.get("if-none-match") == etag:
            return httpx.Response(304, headers={"etag": etag})
        return httpx.Response(200, json=self.live[name], headers={"etag": etag})

    def push(self, payload: dict[str, Any], *, keep: bool = True) -> None:
        """Make a prompt live and push it to every connected client."""
        if keep:
            self.live[payload["name"]] = payload
        for stream in self.streams:
            stream.send(payload)

    def connected(self, name: str) -> bool:
        """Return whether a client is subscribed to this name."""
        return any(stream.open and stream.wants(name) for stream in self.streams)

    def disconnect(self) -> None:
        """Close all streams, as at a restart of the server."""
        for stream in self.streams:
            stream.end()

    def count(self, path: str) -> int:
        """Return the number of requests to a path."""
        return sum(request.url.path == path for request in self.requests)

    def _ingest(self, request: httpx.Request) -> httpx.Response:
        key, body = request.headers["idempotency-key"], request.content
        encoding = request.headers.get("content-encoding")
        if encoding and (encoding != "gzip" or not self.reads_gzip):
            return httpx.Response(415, json={"title": "Content-Encoding: must be identity"})
        body = gzip.decompress(body) if encoding else body
        assert self._batches.setdefault(key, body) == body, "same idempotency key with another body"
        results = [self._ingest_item(item, index) for index, item in enumerate(json.loads(body))]
        if self.lost_answers:
            self.lost_answers -= 1
            raise httpx.ReadTimeout("lost", request=request)
        return httpx.Response(200, json={"results": results})

    def _ingest_item(self, item: dict[str, Any], index: int) -> dict[str, Any]:
        if reason := self.refuse(item):
            return {"index": index, "id": item["id"], "status": "refused", "problem": {"detail": reason}}
        status = "duplicate" if item["id"] in self.effects else "accepted"
        if status == "accepted":
            self.effects[item["id"]] += 1
            self.bodies[item["id"]] = item
        return {"index": index, "id": item["id"], "status": status}

    def _stream(self, request: httpx.Request) -> httpx.Response:
        wanted = request.url.params.get("names")
        names = None if wanted is None else frozenset(filter(None, wanted.split(",")))
        if names is not None and not 1 <= len(names) <= 200:
            return httpx.Response(422, json={"detail": "names: must be 1 to 200 names"})
        stream = EventStream(names)
        for payload in self.live.values():
            stream.send(payload)
        self.streams.append(stream)
        return httpx.Response(200, headers={"content-type": "text/event-stream"}, stream=stream)


class EventStream(httpx.AsyncByteStream):
    """The server-sent events of one client; `names` None: of all prompts."""

    def __init__(self, names: frozenset[str] | None) -> None:
        self.names = names
        self.open = True
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[bytes | None] = asyncio.Queue()

    def wants(self, name: str) -> bool:
        return self.names is None or name in self.names

    def send(self, payload: dict[str, Any]) -> None:
        if self.wants(payload["name"]):
            self.put(f"event: prompt\ndata: {json.dumps(payload)}\n\n".encode())

    def end(self) -> None:
        self.open = False
        self.put(None)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b": hello\n\n"
        while (chunk := await self._queue.get()) is not None:
            yield chunk

    async def aclose(self) -> None:
        self.open = False

    def put(self, chunk: bytes | None) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._queue.put_nowait, chunk)


def live_payload(name: str, prompt: Prompt, sequence: int = 1, **parts: Any) -> dict[str, Any]:
    """Return a signed `prompt.live`; `parts` are replaced before it is signed."""
    payload: dict[str, Any] = {
        "project": "acme",
        "environment": "production",
        "name": name,
        "target": "chat",
        "digest": prompt.digest,
        "sequence": sequence,
        "document": prompt.to_dict(),
        "examples": {},
        "reason": "promoted",
        "authorisation": {"kind": "decision", "id": str(uuid4()), "by": "ada"},
        "occurred_at": "2026-11-21T00:00:00Z",
        **parts,
    }
    value = signing.sign(PRIVATE, signing.live_bytes(payload))
    return {**payload, "signature": {"key_id": signing.key_id(PUBLIC), "value": value}}
