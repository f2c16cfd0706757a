"""Bulk ingestion: `POST /v1/executions` and `/v1/feedback` with newline-delimited JSON, an item a line.

Lines are stored in groups while the body arrives. The response has a line for each, and a last one with the numbers by
status; it is sent after the body, since ordinary clients don't read before they have sent everything.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from tempfile import SpooledTemporaryFile

from pydantic_core import to_json

from collector.api.ingest import ROUTES
from collector.api.ndjson_reader import BulkLimits, Line, read_groups
from collector.api.request import App, ClientDisconnected, Receive, Scope, Send, has_gzip_body, read_headers
from collector.api.responses import (
    PROBLEM,
    STATUSES,
    HttpResponse,
    problem_of_error,
    problem_response,
    result_view,
    send_response,
)
from collector.domain.body_parser import MAX_LISTED_ERRORS
from collector.domain.ingestion import ItemResult
from collector.domain.request_context import RequestContext, Route
from collector.ingest.group_commit import QueueFull
from collector.ingest.service import IngestService
from collector.settings import CollectorSettings
from shared.auth.keys import KeyStore
from shared.problems import Problem, invalid
from shared.web.query import check_names
from shared.web.rate_limiter import RateLimiter, admit_request

NDJSON = b"application/x-ndjson"
_IN_MEMORY = 1_000_000
"""Bytes of results; beyond it they are in a temporary file."""
_HOPELESS = 1_000
"""Lines after which a request ends if all of them were refused."""
_CHUNK = 65_536
_PAUSES_S = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2)
"""Pauses while the queue for the database is full; meanwhile the client can't send."""


def is_bulk(pairs: Sequence[tuple[bytes, bytes]]) -> bool:
    """Return whether a request's body is newline-delimited JSON."""
    for name, value in pairs:
        if name == b"content-type":
            return value.partition(b";")[0].strip().lower() in (NDJSON, b"application/ndjson")
    return False


class BulkResults:
    """The results of lines in their order, and their numbers by status. In a file if there are many."""

    def __init__(self) -> None:
        self.counts = dict.fromkeys(STATUSES, 0)
        self._errors: list[dict[str, str]] = []
        self._lines = SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115

    def add(self, line: Line, result: ItemResult) -> None:
        """Append the result of a line."""
        view = {"line": line.number, **result_view(result)}
        self.counts[view["status"]] += 1
        self._lines.write(to_json(view) + b"\n")
        if isinstance(result.outcome, Problem) and len(self._errors) < MAX_LISTED_ERRORS:
            named = [{**error, "field": f"line {line.number}: {error['field']}"} for error in result.outcome.errors]
            self._errors += named[: MAX_LISTED_ERRORS - len(self._errors)]

    @property
    def total(self) -> int:
        """The number of lines with a result."""
        return sum(self.counts.values())

    @property
    def kept(self) -> int:
        """The number of lines that are done: stored, or of an erased user."""
        return self.counts["accepted"] + self.counts["duplicate"] + self.counts["erased"]

    def refusal(self) -> HttpResponse | None:
        """Return the response if no line is stored: a problem; None if some are."""
        if not self.total:
            return problem_response(invalid("body", "must have at least one line"))
        if self.kept:
            return None
        problem = Problem(422, "all-refused", "All lines were refused", None, self._errors)
        return HttpResponse(422, to_json({**problem.body(), **self.counts}), PROBLEM)

    async def send(self, send: Send, headers: dict[str, str]) -> None:
        """Send the response: 200 if all lines are stored, else 207."""
        self._lines.write(to_json({"lines": self.total, **self.counts}) + b"\n")
        size = self._lines.tell()
        self._lines.seek(0)
        status = 200 if self.kept == self.total else 207
        response = HttpResponse(status, b"", NDJSON).with_headers(headers)
        fields = [field for field in response.raw_headers() if field[0] != b"content-length"]
        fields.append((b"content-length", b"%d" % size))
        await send({"type": "http.response.start", "status": status, "headers": fields})
        while chunk := self._lines.read(_CHUNK):
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    def close(self) -> None:
        """Delete the file."""
        self._lines.close()


class BulkEndpoint:
    """Answers requests with newline-delimited JSON."""

    def __init__(
        self, service: IngestService, keys: KeyStore, settings: CollectorSettings, limiter: RateLimiter
    ) -> None:
        self._service = service
        self._keys = keys
        self._limits = BulkLimits(settings.bulk_body_limit, settings.body_limit, settings.receipt_seconds)
        self._limiter = limiter

    async def respond(self, scope: Scope, receive: Receive, send: Send, route: Route) -> None:
        """Store the lines of a request and answer it. Raises ClientDisconnected."""
        results = BulkResults()
        quota: dict[str, str] = {}
        try:
            quota = admit_request(self._limiter, self._keys, scope)
            if scope["query_string"]:
                check_names(scope["query_string"], ())
            pairs = {name: value for name, value in scope["headers"] if name != b"content-type"}
            headers = read_headers(pairs, self._limits.body)
            principal = (await self._keys.authenticate(headers.authorization)).require("ingest")
            context = await self._service.request_context(
                principal, headers.idempotency_key, headers.traceparent, headers.date
            )
            async for group in read_groups(receive, self._limits, gzip=has_gzip_body(scope["headers"])):
                await self._store(route, group, context, results)
                if results.total >= _HOPELESS and not results.kept:
                    quota = {**quota, "Connection": "close"}  # the rest is not read
                    break
            refusal = results.refusal()
            if refusal is None:
                await results.send(send, quota)
            else:
                await send_response(send, refusal.with_headers(quota))
        except ClientDisconnected:
            raise
        except Exception as error:
            await send_response(send, _interrupted(error, results).with_headers(quota))
        finally:
            results.close()

    async def _store(self, route: Route, group: list[Line], context: RequestContext, results: BulkResults) -> None:
        """Store a group of lines. Raises QueueFull, or Problem 503 while the database is unavailable."""
        for pause in (*_PAUSES_S, None):
            try:
                found = await self._service.ingest_lines(route, group, context)
                break
            except QueueFull:
                if pause is None:
                    raise
                await asyncio.sleep(pause)
        for line, result in zip(group, found, strict=True):
            results.add(line, result)


def _interrupted(error: Exception, results: BulkResults) -> HttpResponse:
    """Return the response to a request that ended early; it has the numbers of the lines before, which are stored."""
    problem = problem_of_error(error)
    counts = results.counts if results.total else {}
    return HttpResponse(problem.status, to_json({**problem.body(), **counts}), PROBLEM, problem.headers)


class BulkMiddleware:
    """Sends requests with newline-delimited JSON to the endpoint, and all others to `app`."""

    def __init__(self, app: App, endpoint: BulkEndpoint) -> None:
        self._app = app
        self._endpoint = endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = ROUTES.get(scope["path"]) if scope["type"] == "http" and scope["method"] == "POST" else None
        if found is None or not is_bulk(scope["headers"]):
            await self._app(scope, receive, send)
            return
        with contextlib.suppress(ClientDisconnected):
            await self._endpoint.respond(scope, receive, send, found[0])
