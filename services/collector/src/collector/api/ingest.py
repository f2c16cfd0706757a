"""`POST /v1/executions`, `POST /v1/feedback` and `PUT /v1/executions/{id}`.

They are plain ASGI in front of the framework, because they receive nearly all requests. The steps of each: request,
authenticate, parse, validate, group commit, response.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from collector.api.cors import check_origin
from collector.api.ordinary_request import OrdinaryRequest
from collector.api.request import (
    App,
    ClientDisconnected,
    Receive,
    Scope,
    Send,
    has_gzip_body,
    inflate,
    read_body,
    read_headers,
    too_large,
)
from collector.api.responses import HttpResponse, ingest_response, response_of_error, send_response, single_response
from collector.domain.ingestion import ItemResult
from collector.domain.model import ItemStatus
from collector.domain.request_context import RequestContext, Route
from collector.ingest.service import MAX_INLINE_BYTES, IngestService, outcome_of
from collector.settings import CollectorSettings
from shared.auth.keys import KeyStore
from shared.problems import Problem
from shared.web.query import check_names
from shared.web.rate_limiter import RateLimiter, admit_request

_EXECUTIONS = "/v1/executions"
ROUTES: dict[str, tuple[Route, tuple[str, ...]]] = {
    "/v1/feedback": ("feedback", ("ingest", "browser-ingest")),
    _EXECUTIONS: ("executions", ("ingest",)),
}
"""Path → route, and the scopes of which a key needs one."""
_READS = frozenset({("GET", _EXECUTIONS)})
"""Method and path of requests that the framework answers on the same paths."""


class SinglePost:
    """A request with one object, from its receipt to its response."""

    __slots__ = ("_headers", "_respond", "content", "context", "route")

    def __init__(
        self,
        route: Route,
        content: bytes,
        context: RequestContext,
        headers: Mapping[str, str],
        respond: Callable[[HttpResponse], None],
    ) -> None:
        """`headers` are added to the response; `respond` must not raise."""
        self.route = route
        self.content = content
        self.context = context
        self._headers = headers
        self._respond = respond

    def resolve(self, item_id: str, written: ItemStatus | Exception) -> None:
        """Respond with the result of the item, after its commit."""
        try:
            response = single_response(ItemResult(item_id, outcome_of(written)), self._headers)
        except Exception as error:
            response = response_of_error(error).with_headers(self._headers)
        self._respond(response)

    def refuse(self, error: Exception) -> None:
        """Respond with the error because of which nothing was written."""
        self._respond(response_of_error(error).with_headers(self._headers))


@dataclass(frozen=True, slots=True)
class IngestEndpoint:
    """Answers the requests that ingest items."""

    service: IngestService
    keys: KeyStore
    settings: CollectorSettings
    limiter: RateLimiter

    async def respond(self, scope: Scope, receive: Receive, route: Route, scopes: tuple[str, ...]) -> HttpResponse:
        """Return the response to a request, also where it is refused. Raises ClientDisconnected."""
        quota: dict[str, str] = {}
        try:
            quota = admit_request(self.limiter, self.keys, scope)
            response = await self._ingest(scope, receive, route, scopes)
        except ClientDisconnected:
            raise
        except Exception as error:
            response = response_of_error(error)
        return response.with_headers(quota)

    async def _ingest(self, scope: Scope, receive: Receive, route: Route, scopes: tuple[str, ...]) -> HttpResponse:
        """Return the response to a request. Raises Problem, QueueFull, Retryable or ClientDisconnected."""
        execution_id = execution_id_of_path(scope)
        _check_method_and_query(scope, execution_id)
        headers = read_headers(dict(scope["headers"]), self.settings.body_limit)
        gzip = has_gzip_body(scope["headers"])
        principal = await self.keys.authenticate(headers.authorization)
        check_origin(scope, principal)  # before the scopes: whether a page may read a refusal depends on the key
        principal.require(*scopes)
        context = await self.service.request_context(
            principal, headers.idempotency_key, headers.traceparent, headers.date
        )
        browser = context.key_scope == "browser-ingest"
        limit = self.settings.browser_body_limit if browser else self.settings.body_limit
        if headers.length > limit:
            raise too_large(limit)
        content = await read_body(receive, limit, self.settings.receipt_seconds)
        if gzip:
            content = inflate(content, limit)
        if execution_id is None:
            return ingest_response(await self.service.ingest(route, content, context))
        context = context._replace(idempotency_key=None)
        return single_response(await self.service.complete(content, context, execution_id))

    def submit(
        self,
        request: OrdinaryRequest,
        route: Route,
        scopes: tuple[str, ...],
        respond: Callable[[HttpResponse], None],
    ) -> bool:
        """Queue the object of a POST without waiting; return False, without an effect, if that is impossible.

        It is possible for a small plain object, sent with an API key that was looked up within the last two seconds and
        is not a browser's. `respond` is called later, and must not raise. Raises Problem for a request that is refused
        before its object is read.
        """
        content = request.content
        if content[:1] != b"{" or len(content) > min(MAX_INLINE_BYTES, self.settings.body_limit):
            return False
        headers = request.head.headers
        principal = self.keys.cached(headers.authorization)
        if principal is None or "browser-ingest" in principal.scopes:
            return False
        context = self.service.cached_request_context(
            principal, request.idempotency_key, request.traceparent, headers.date
        )
        if context is None:
            return False
        quota = self.limiter.admit(principal, {}, None)  # no address counts for a key that is not a browser's
        try:
            principal.require(*scopes)
        except Problem as problem:
            problem.headers = {**quota, **problem.headers}
            raise
        self.service.submit(SinglePost(route, content, context, quota, respond))
        return True


class IngestMiddleware:
    """Sends ingesting requests to the endpoint, and all others to `app`."""

    def __init__(self, app: App, endpoint: IngestEndpoint) -> None:
        self._app = app
        self._endpoint = endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = ROUTES.get(scope["path"]) if scope["type"] == "http" else None
        if found is None and execution_id_of_path(scope) is not None:
            found = ROUTES[_EXECUTIONS]
        if found is None or (scope["method"], scope["path"]) in _READS:
            await self._app(scope, receive, send)
            return
        try:
            response = await self._endpoint.respond(scope, receive, *found)
        except ClientDisconnected:
            return
        await send_response(send, response)


def execution_id_of_path(scope: Scope) -> str | None:
    """Return the id in the path of a `PUT /v1/executions/{id}`; None for any other request."""
    if scope["type"] != "http" or scope["method"] != "PUT" or not scope["path"].startswith(f"{_EXECUTIONS}/"):
        return None
    return str(scope["path"][len(_EXECUTIONS) + 1 :])


def _check_method_and_query(scope: Scope, execution_id: str | None) -> None:
    """Raises Problem 405 for another method, 422 for a query parameter."""
    if scope["method"] != "POST" and execution_id is None:
        allowed = ", ".join(["POST", *(method for method, path in _READS if path == scope["path"])])
        raise Problem(405, "method", f"This path accepts only {allowed}", headers={"Allow": allowed})
    if scope["query_string"]:
        check_names(scope["query_string"], ())
