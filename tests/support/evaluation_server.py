"""A FakeEvaluator behind a socket, for workers in processes of their own."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx

from tests.support.evaluation_tasks import FakeEvaluator


class EvaluationServer(ThreadingHTTPServer):
    """The server; each request is answered in a thread."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, tasks: FakeEvaluator) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.tasks = tasks

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: EvaluationServer

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        request = httpx.Request("POST", self.server.url + self.path, content=content, headers=dict(self.headers))
        response = asyncio.run(self.server.tasks.respond(request))
        try:
            self.send_response(response.status_code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(response.content)))
            self.end_headers()
            self.wfile.write(response.content)
        except ConnectionError:
            return  # the worker was stopped

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""


@contextmanager
def serving(tasks: FakeEvaluator) -> Iterator[EvaluationServer]:
    """Serve tasks in the block."""
    with EvaluationServer(tasks) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
