"""A Langfuse server for tests: both API versions with data in memory and scripted faults.

It follows `../shared/contracts/langfuse-openapi.yml`; a contract test verifies that.
"""

import base64
import json
import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol
from urllib.parse import parse_qsl, unquote, urlsplit

import httpx

from tests.support import langfuse_v3 as older

PUBLIC, SECRET = "pk-lf-1234", "sk-lf-5678"
_TOKEN = "Basic " + base64.b64encode(f"{PUBLIC}:{SECRET}".encode()).decode()
_CORE = ("id", "traceId", "startTime", "endTime", "projectId", "parentObservationId", "type")
_PRICES = ("modelId", "inputPrice", "outputPrice", "totalPrice")
_GROUPS = {
    "basic": ("name", "level", "environment", "userId", "isRootObservation"),
    "io": ("input",),
    "model": ("providedModelName",),
    "usage": ("totalCost",),
    "prompt": ("promptName", "promptVersion"),
    "metrics": ("latency",),
    "trace_context": ("traceName", "release"),
}
JSON = {"content-type": "application/json; charset=utf-8"}


@dataclass(frozen=True)
class Said:
    """A response. Only the first `cut` bytes are sent; with `dropped` the connection is closed instead."""

    status: int = 200
    body: bytes = b"{}"
    headers: Mapping[str, str] = field(default_factory=lambda: JSON)
    cut: int | None = None
    dropped: bool = False


def ill(status: int, **headers: str) -> Said:
    more = {name.replace("_", "-"): text for name, text in headers.items()}
    return Said(status, b'{"message": "no"}', {**JSON, **more})


@dataclass
class Langfuse:
    """`observations` and `scores` are as the newest API has them; the older one's shapes are made of them.

    `faults` has by path the answers that come first. With `border`, each page begins with so many items of the one
    before; `stuck` gives the same cursor for ever. `asked` is what came: method, path, parameters.
    """

    version: str = "4.16.0"
    observations: list[dict[str, Any]] = field(default_factory=list)
    scores: list[dict[str, Any]] = field(default_factory=list)
    prompts: dict[tuple[str, int], dict[str, Any]] = field(default_factory=dict)
    configs: list[dict[str, Any]] = field(default_factory=list)
    faults: dict[str, list[Said]] = field(default_factory=lambda: defaultdict(list))
    asked: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    most: int = 1000
    border: int = 0
    stuck: bool = False

    def respond(self, method: str, target: str, headers: Mapping[str, str]) -> Said:
        parts = urlsplit(target)
        params = dict(parse_qsl(parts.query, keep_blank_values=True))
        self.asked.append((method, parts.path, params))
        if self.faults[parts.path]:
            return self.faults[parts.path].pop(0)
        if parts.path == "/api/public/health":
            return _said({"status": "OK", "version": self.version})
        if headers.get("authorization") != _TOKEN:
            return ill(401)
        found = self._found(parts.path, params) if method == "GET" else None
        return ill(404) if found is None else _said(found)

    def client(self) -> httpx.Client:
        """Return a client of this server without a network."""
        return httpx.Client(
            transport=httpx.MockTransport(self._respond), base_url="http://langfuse.test", auth=(PUBLIC, SECRET)
        )

    def paths(self) -> list[str]:
        return [path for _, path, _ in self.asked]

    def _respond(self, request: httpx.Request) -> httpx.Response:
        said = self.respond(request.method, request.url.raw_path.decode(), request.headers)
        if said.dropped:
            raise httpx.RemoteProtocolError("Server disconnected without sending a response.", request=request)
        return httpx.Response(said.status, headers=said.headers, content=said.body[: said.cut])

    def _found(self, path: str, params: dict[str, str]) -> Any:
        newer = not self.version.startswith(("2.", "3."))
        match path.removeprefix("/api/public/"):
            case "score-configs":
                return self._by_page(self.configs, params)
            case "v2/observations" if newer:
                return self._by_cursor(self._observations(params), params, 1000)
            case "v3/scores" if newer:
                return self._by_cursor(_within(self.scores, params, "timestamp"), params, 100)
            case "traces" if not newer:
                roots = [each for each in self.observations if each["isRootObservation"]]
                return self._by_page(_within(list(map(older.trace, roots)), params, "timestamp"), params)
            case "observations" if not newer:
                return self._by_page([older.observation(each) for each in self._observations(params)], params)
            case "v2/scores" | "scores" as name if not newer and (name == "scores" or self.version.startswith("3.")):
                return self._by_page(list(map(older.score, _within(self.scores, params, "timestamp"))), params)
            case name if name.startswith("v2/prompts/"):
                return self.prompts.get((unquote(name.removeprefix("v2/prompts/")), int(params["version"])))
        return None

    def _observations(self, params: Mapping[str, str]) -> list[dict[str, Any]]:
        """Return the observations, newest first, with the requested fields."""
        kind, root = params.get("type"), params.get("isRootObservation")
        kept = [
            each
            for each in _within(self.observations, params, "startTime")
            if kind in (None, each["type"]) and root in (None, str(each["isRootObservation"]).lower())
        ]
        kept.sort(key=lambda each: str(each["startTime"]), reverse=True)
        if "fields" not in params:
            return kept
        names = {*_CORE, *_PRICES, *(name for group in params["fields"].split(",") for name in _GROUPS[group])}
        return [{name: value for name, value in each.items() if name in names} for each in kept]

    def _by_cursor(self, items: list[Any], params: Mapping[str, str], most: int) -> dict[str, Any]:
        limit = int(params.get("limit", 50))
        assert 0 < limit <= most
        start = int(base64.urlsafe_b64decode(params["cursor"])) if "cursor" in params else 0
        end = start + min(limit, self.most)
        meta: dict[str, Any] = {"limit": limit}
        if end < len(items) or self.stuck:
            place = 0 if self.stuck else max(start + 1, end - self.border)
            meta["cursor"] = base64.urlsafe_b64encode(str(place).encode()).decode()
        return {"data": items[start:end], "meta": meta}

    def _by_page(self, items: list[Any], params: Mapping[str, str]) -> dict[str, Any]:
        asked, page = int(params["limit"]), int(params["page"])
        assert 0 < asked <= 100
        limit = min(asked, self.most)
        start = max(0, (page - 1) * limit - self.border)
        total = -(-len(items) // limit)
        meta = {"page": 1 if self.stuck else page, "limit": limit, "totalItems": len(items), "totalPages": total}
        return {"data": items[start : page * limit], "meta": meta}


class Answers(Protocol):
    """A server that `served` can run."""

    def respond(self, method: str, target: str, headers: Mapping[str, str]) -> Said: ...


@contextmanager
def served(server: Answers) -> Iterator[str]:
    """Serve on a local port; yield the address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            said = server.respond(self.command, self.path, {name.lower(): text for name, text in self.headers.items()})
            if said.dropped:
                self.close_connection = True
                return
            self.send_response(said.status)
            for name, text in {**said.headers, "content-length": str(len(said.body))}.items():
                self.send_header(name, text)
            self.end_headers()
            self.wfile.write(said.body[: said.cut])
            self.close_connection = said.cut is not None

        do_POST = do_GET  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{httpd.server_port}"
        finally:
            httpd.shutdown()
            thread.join()


def _said(body: Any) -> Said:
    return Said(body=json.dumps(body).encode())


def _within(items: list[dict[str, Any]], params: Mapping[str, str], time: str) -> list[dict[str, Any]]:
    """Return the items from one time to another; all times have one format, so texts are compared."""
    name = "StartTime" if time == "startTime" else "Timestamp"
    start, end = (params[f"{side}{name}"] for side in ("from", "to"))
    assert all(at(datetime.fromisoformat(each)) == each for each in (start, end))
    return [item for item in items if start <= item[time] < end]


def at(moment: datetime) -> str:
    """Return a time in the format of the server."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
