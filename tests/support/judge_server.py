"""A local OpenAI-compatible endpoint for judges; a function decides each reply."""

import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.support.judges import graded

Responder = Callable[[dict[str, Any]], Any]
"""Returns an object, a status, a text that is no JSON, or seconds after which nothing is sent, for a chat request."""


class JudgeServer(ThreadingHTTPServer):
    """The server. `respond` may be replaced at any time; `requests` are paths and bodies in the order they came."""

    daemon_threads = True
    block_on_close = False
    respond: Responder

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.requests: list[tuple[str, dict[str, Any]]] = []
        self.authorisations: set[str | None] = set()
        self.respond = grade_by_length

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"


def grade_by_length(body: dict[str, Any]) -> dict[str, Any]:
    """Grade an answer 5 if it has more than 20 characters, else 1."""
    judged = json.loads(body["messages"][1]["content"])
    return graded(5 if len(judged["output"]) > 20 else 1)


class _Handler(BaseHTTPRequestHandler):
    server: JudgeServer

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.requests.append((self.path, body))
        self.server.authorisations.add(self.headers.get("Authorization"))
        found = _embeddings(body) if self.path.endswith("/embeddings") else self.server.respond(body)
        if isinstance(found, float):
            time.sleep(found)
            self.close_connection = True
        elif isinstance(found, int):
            self._send(found, b"{}")
        else:
            self._send(200, found.encode() if isinstance(found, str) else json.dumps(found).encode())

    def _send(self, status: int, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def handle(self) -> None:
        try:
            super().handle()
        except ConnectionError:  # the client went away
            self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None: ...


def _embeddings(body: dict[str, Any]) -> dict[str, Any]:
    """Return a unit vector for each text: equal texts have the same one."""
    texts = body["input"] if isinstance(body["input"], list) else [body["input"]]
    data = []
    for index, text in enumerate(texts):
        vector = [float(byte) for byte in hashlib.sha256(str(text).encode()).digest()]
        data.append({"object": "embedding", "index": index, "embedding": vector})
    return {"object": "list", "data": data, "model": "e", "usage": {"prompt_tokens": 5, "total_tokens": 5}}


@contextmanager
def judge_server() -> Iterator[JudgeServer]:
    """Run a server in this process."""
    with JudgeServer() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
