"""A local server that answers like OpenAI and Anthropic; the request's `model` says what it answers.

`answer`, `tools`, `refusal`, …: that answer. `429`, `500`: that error. With `stream`: `cut` closes the connection after
two events of output, `broken` sends an error event there, and `waiting` sends the rest once `release` is set.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.support import model_answers
from tests.support.model_answers import Event

_ENDINGS = ("cut", "broken", "waiting")
_BEFORE_ENDING = 4
"""Events that a stream of these sends first."""


class ModelServer(ThreadingHTTPServer):
    """The server; `url` has no path."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.requests: list[dict[str, Any]] = []
        self.release = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: ModelServer

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.requests.append(request)
        kind = request["model"]
        if kind.isdigit():
            error = {"type": "rate_limit_error" if kind == "429" else "api_error", "message": "secret detail"}
            self._send(int(kind), {"type": "error", "error": error})
        elif request.get("stream"):
            self._stream(kind, self._events("answer" if kind in _ENDINGS else kind, request))
        else:
            self._send(200, self._answer(kind))

    def _answer(self, kind: str) -> dict[str, Any]:
        if self.path.endswith("/chat/completions"):
            return model_answers.chat_completion(kind)
        if self.path.endswith("/responses"):
            return model_answers.response(kind)
        if self.path.endswith("/embeddings"):
            return {
                "object": "list",
                "data": [{"object": "embedding", "index": 0, "embedding": [0.5]}],
                "model": kind,
                "usage": {"prompt_tokens": 1, "total_tokens": 1},
            }
        return model_answers.message(kind)

    def _events(self, kind: str, request: dict[str, Any]) -> list[Event]:
        if self.path.endswith("/chat/completions"):
            return model_answers.chat_chunks(kind, bool((request.get("stream_options") or {}).get("include_usage")))
        if self.path.endswith("/responses"):
            return model_answers.response_events(kind)
        return model_answers.message_events(kind)

    def _stream(self, kind: str, events: list[Event]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for index, (name, data) in enumerate(events):
            if kind in _ENDINGS and index == _BEFORE_ENDING:
                if kind == "cut":
                    return
                if kind == "broken":
                    self._event("error", {"type": "error", "error": {"type": "overloaded_error", "message": "secret"}})
                    break
                self.server.release.wait(60)
            self._event(name, data)
        self.wfile.write(b"0\r\n\r\n")

    def _event(self, name: str | None, data: dict[str, Any] | str) -> None:
        text = data if isinstance(data, str) else json.dumps(data)
        lines = (f"event: {name}\n" if name else "") + f"data: {text}\n\n"
        self.wfile.write(b"%x\r\n%s\r\n" % (len(lines.encode()), lines.encode()))
        self.wfile.flush()

    def _send(self, status: int, document: dict[str, Any]) -> None:
        content = json.dumps(document).encode()
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


@contextmanager
def model_server() -> Iterator[ModelServer]:
    """Run a server in this process."""
    with ModelServer() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.release.set()
            server.shutdown()
            thread.join()
