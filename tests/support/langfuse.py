"""A Langfuse server for tests: both API versions, with data in memory and scripted faults.

It follows `../shared/contracts/langfuse-openapi.yml`, which a contract test verifies.
"""

import base64
import json
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
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
    "basic": ("name", "level", "environment", "userId", "sessionId", "version", "isRootObservation"),
    "io": ("input", "output"),
    "model": ("providedModelName",),
    "usage": ("totalCost", "usageDetails"),
    "prompt": ("promptName", "promptVersion"),
    "metrics": ("latency",),
    "trace_context": ("traceName", "release", "tags"),
}
_DETAILS = {"details": ("comment", "configId", "metadata"), "annotation": ("authorUserId", "queueId")}
JSON = {"content-type": "application/json; charset=utf-8"}


@dataclass(frozen=True)
class ScriptedResponse:
    """A response. Only the first `cut` bytes are sent; with `dropped` the connection is closed instead."""

    status: int = 200
    body: bytes = b"{}"
    headers: Mapping[str, str] = field(default_factory=lambda: JSON)
    cut: int | None = None
    dropped: bool = False


def error_response(status: int, **headers: str) -> ScriptedResponse:
    more = {name.replace("_", "-"): text for name, text in headers.items()}
    return ScriptedResponse(status, b'{"message": "no"}', {**JSON, **more})


@dataclass
class Langfuse:
    """`observations` and `scores` have the form of the newest API; the older API's form is converted from it.

    `faults` has the first responses by path. With `page_overlap`, each page repeats that number of items of the page
    before; with `repeats_cursor`, the cursor never advances. `requests` has the requests: method, path, parameters.
    """

    version: str = "4.16.0"
    observations: list[dict[str, Any]] = field(default_factory=list)
    scores: list[dict[str, Any]] = field(default_factory=list)
    prompts: dict[tuple[str, int], dict[str, Any]] = field(default_factory=dict)
    configs: list[dict[str, Any]] = field(default_factory=list)
    faults: dict[str, list[ScriptedResponse]] = field(default_factory=lambda: defaultdict(list))
    requests: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    created: list[dict[str, Any]] = field(default_factory=list)
    max_page_size: int = 1000
    page_overlap: int = 0
    repeats_cursor: bool = False

    def respond(self, method: str, target: str, headers: Mapping[str, str], body: bytes = b"") -> ScriptedResponse:
        parts = urlsplit(target)
        pairs = parse_qsl(parts.query, keep_blank_values=True)
        params = dict(pairs)
        if "tags" in params:
            params["tags"] = ",".join(text for name, text in pairs if name == "tags")
        self.requests.append((method, parts.path, params))
        if self.faults[parts.path]:
            return self.faults[parts.path].pop(0)
        if parts.path == "/api/public/health":
            return _json_response({"status": "OK", "version": self.version})
        if headers.get("authorization") != _TOKEN:
            return error_response(401)
        if (method, parts.path) == ("POST", "/api/public/scores"):
            self.created.append(json.loads(body))
            return _json_response({"id": self.created[-1]["id"]})
        found = self._found(parts.path, params) if method == "GET" else None
        return error_response(404) if found is None else _json_response(found)

    def client(self) -> httpx.Client:
        """Return a client of this server without a network."""
        return httpx.Client(
            transport=httpx.MockTransport(self._respond), base_url="http://langfuse.test", auth=(PUBLIC, SECRET)
        )

    def paths(self) -> list[str]:
        return [path for _, path, _ in self.requests]

    def _respond(self, request: httpx.Request) -> httpx.Response:
        response = self.respond(request.method, request.url.raw_path.decode(), request.headers, request.content)
        if response.dropped:
            raise httpx.RemoteProtocolError("Server disconnected without sending a response.", request=request)
        return httpx.Response(response.status, headers=response.headers, content=response.body[: response.cut])

    def _found(self, path: str, params: dict[str, str]) -> Any:
        newer = not self.version.startswith(("2.", "3."))
        match path.removeprefix("/api/public/"):
            case "score-configs":
                return self._by_page(self.configs, params)
            case "v2/observations" if newer:
                return self._by_cursor(self._observations(params), params, 1000)
            case "v3/scores" if newer:
                return self._by_cursor(self._scores(params), params, 100)
            case "traces" if not newer:
                roots = [each for each in self.observations if each["isRootObservation"] and _chosen(each, params)]
                return self._by_page(_within(roots, params, "startTime", "Timestamp"), params, older.trace)
            case "observations" if not newer:
                return self._by_page(self._observations(params), params, older.observation)
            case "v2/scores" | "scores" as name if not newer and (name == "scores" or self.version.startswith("3.")):
                return self._by_page(_within(self.scores, params, "timestamp", "Timestamp"), params, older.score)
            case name if name.startswith("v2/prompts/"):
                return self.prompts.get((unquote(name.removeprefix("v2/prompts/")), int(params["version"])))
        return None

    def _observations(self, params: Mapping[str, str]) -> list[dict[str, Any]]:
        """Return the observations, newest first, with the requested fields."""
        params = {**params, **_conditions(params["filter"])} if "filter" in params else params
        kind, root = params.get("type"), params.get("isRootObservation")
        kept = [
            each
            for each in _within(self.observations, params, "startTime", "StartTime")
            if kind in (None, each["type"])
            and root in (None, str(each["isRootObservation"]).lower())
            and _chosen(each, params)
        ]
        kept.sort(key=lambda each: str(each["startTime"]), reverse=True)
        if "fields" not in params:
            return kept
        names = {*_CORE, *_PRICES, *(name for group in params["fields"].split(",") for name in _GROUPS[group])}
        return [{name: value for name, value in each.items() if name in names} for each in kept]

    def _scores(self, params: Mapping[str, str]) -> list[dict[str, Any]]:
        """Return the scores, newest first, with the requested fields."""
        kept = _within(self.scores, params, "timestamp", "Timestamp")
        left = {name for group, names in _DETAILS.items() if group not in params["fields"] for name in names}
        kept.sort(key=lambda each: str(each["timestamp"]), reverse=True)
        return [{name: value for name, value in each.items() if name not in left} for each in kept]

    def _by_cursor(self, items: list[Any], params: Mapping[str, str], max_limit: int) -> dict[str, Any]:
        limit = int(params.get("limit", 50))
        assert 0 < limit <= max_limit
        start = int(base64.urlsafe_b64decode(params["cursor"])) if "cursor" in params else 0
        end = start + min(limit, self.max_page_size)
        meta: dict[str, Any] = {"limit": limit}
        if end < len(items) or self.repeats_cursor:
            position = 0 if self.repeats_cursor else max(start + 1, end - self.page_overlap)
            meta["cursor"] = base64.urlsafe_b64encode(str(position).encode()).decode()
        return {"data": items[start:end], "meta": meta}

    def _by_page(
        self, items: list[Any], params: Mapping[str, str], convert: Callable[[Any], Any] | None = None
    ) -> dict[str, Any]:
        limit, page = int(params["limit"]), int(params["page"])
        assert 0 < limit <= 100
        limit = min(limit, self.max_page_size)
        start = max(0, (page - 1) * limit - self.page_overlap)
        total = -(-len(items) // limit)
        meta = {
            "page": 1 if self.repeats_cursor else page,
            "limit": limit,
            "totalItems": len(items),
            "totalPages": total,
        }
        data = items[start : page * limit]
        return {"data": [convert(item) for item in data] if convert else data, "meta": meta}


class Responder(Protocol):
    """A server that `served` can run."""

    def respond(self, method: str, target: str, headers: Mapping[str, str], body: bytes = b"") -> ScriptedResponse: ...


@contextmanager
def served(server: Responder) -> Iterator[str]:
    """Serve on a local port; yield the URL."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            headers = {name.lower(): text for name, text in self.headers.items()}
            body = self.rfile.read(int(headers.get("content-length", 0)))
            response = server.respond(self.command, self.path, headers, body)
            if response.dropped:
                self.close_connection = True
                return
            self.send_response(response.status)
            for name, text in {**response.headers, "content-length": str(len(response.body))}.items():
                self.send_header(name, text)
            self.end_headers()
            self.wfile.write(response.body[: response.cut])
            self.close_connection = response.cut is not None

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


def _json_response(body: Any) -> ScriptedResponse:
    return ScriptedResponse(body=json.dumps(body).encode())


def _conditions(text: str) -> dict[str, str]:
    """Return the parameters that a filter in JSON replaces, as `name`, `tags` and the parameters' own names."""
    found = {}
    for each in json.loads(text):
        match each["column"], each["operator"], each["value"]:
            case "startTime", ">=", str(value):
                found["fromStartTime"] = value
            case "startTime", "<", str(value):
                found["toStartTime"] = value
            case "type", "=", str(value):
                found["type"] = value
            case "isRootObservation", "=", bool(value):
                found["isRootObservation"] = str(value).lower()
            case "traceName", "=", str(value):
                found["name"] = value
            case "traceTags", "all of", list(values):
                found["tags"] = ",".join(values)
            case other:
                raise AssertionError(other)
    return found


def _chosen(each: Mapping[str, Any], params: Mapping[str, str]) -> bool:
    tags = filter(None, params.get("tags", "").split(","))
    return params.get("name") in (None, each["traceName"]) and set(tags) <= set(each.get("tags") or ())


def _within(items: list[dict[str, Any]], params: Mapping[str, str], time: str, name: str) -> list[dict[str, Any]]:
    """Return the items with `time` between two parameters. All times have one format, so strings are compared."""
    start, end = (params[f"{side}{name}"] for side in ("from", "to"))
    assert all(at(datetime.fromisoformat(each)) == each for each in (start, end))
    return [item for item in items if start <= item[time] < end]


def at(moment: datetime) -> str:
    """Return a time in the format of the server."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
