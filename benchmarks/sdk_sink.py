"""A server that accepts everything that the SDK sends, and counts it."""

import json
import zlib
from collections import Counter
from typing import Any

import uvicorn

Message = dict[str, Any]


class Sink:
    """Responds for each item, plain or compressed; a GET returns the counts of bytes, plain bytes and requests."""

    def __init__(self) -> None:
        self._counts = Counter({"bytes": 0, "plain": 0, "requests": 0})

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        answer = self._counts if scope["method"] == "GET" else self._accept(scope, await _body(receive))
        content = json.dumps(answer).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(content))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": content})

    def _accept(self, scope: Message, body: bytes) -> Message:
        plain = zlib.decompress(body, 31) if (b"content-encoding", b"gzip") in scope["headers"] else body
        self._counts.update(bytes=len(body), plain=len(plain), requests=1)
        items = json.loads(plain)
        if isinstance(items, dict):  # Langfuse's client
            return {"successes": [], "errors": []}
        return {"results": [{"status": "accepted"} for _ in items]}


async def _body(receive: Any) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    return body


def run_sink(port: int) -> None:
    """Serve until the process is ended."""
    uvicorn.run(Sink(), port=port, log_level="warning", access_log=False, lifespan="off")
