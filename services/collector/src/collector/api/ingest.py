"""`POST /v1/executions` and `POST /v1/feedback`: plain ASGI, in front of the framework, since they are hot.

`PUT /v1/executions/{id}` goes the same way: it records an execution, or completes it.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from collector.api.request import ClientDisconnected, Headers, Receive, read_body, read_headers, too_large
from collector.api.responses import HttpResponse, overloaded, refused
from collector.domain.request_context import Route
from collector.ingest.group_commit import QueueFull
from collector.ingest.service import SMALL, IngestService
from collector.settings import CollectorSettings
from shared.auth.keys import KeyStore
from shared.auth.principal import Principal
from shared.problems import Problem
from shared.runtime.failures import FailureClass, classify
from shared.runtime.log import logger
from shared.web.query import check_names
from shared.web.rate_limiter import RateLimiter

Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_EXECUTIONS = "/v1/executions"
ROUTES: dict[str, tuple[Route, tuple[str, ...]]] = {
    "/v1/feedback": ("feedback", ("ingest", "browser-ingest")),
    _EXECUTIONS: ("executions", ("ingest",)),
}
"""Path → route, and the scopes of which a key needs one."""
_ADMITTED = "ratchet.admitted"
_READ = frozenset({("GET", "/v1/executions")})
"""What is asked at a hot path and is not hot."""


class Intake:
    """Reads the requests of the hot routes, and hands what they hold to the desk."""

    def __init__(self, desk: IngestService, keys: KeyStore, settings: CollectorSettings, limiter: RateLimiter) -> None:
        self._desk = desk
        self._keys = keys
        self._settings = settings
        self._limiter = limiter

    async def answer(self, scope: Scope, receive: Receive, route: Route, scopes: tuple[str, ...]) -> HttpResponse:
        """The answer to any request. Raises Problem, `QueueFull`, or `ClientDisconnected`."""
        execution_id = completed_id(scope)
        if scope["method"] != "POST" and execution_id is None:
            allowed = ", ".join(["POST", *(method for method, path in _READ if path == scope["path"])])
            raise Problem(405, "method", f"Only {allowed} is answered here", headers={"Allow": allowed})
        if scope["query_string"]:
            check_names(scope["query_string"], ())
        settings = self._settings
        headers = read_headers(scope["headers"], settings.body_limit)
        fields = self._admit(scope, headers, self._keys.cached(headers.authorization))
        principal = (await self._keys.authenticate(headers.authorization)).require(*scopes)
        sender = await self._desk.sender(principal, headers.idempotency_key, headers.traceparent, headers.date)
        limit = settings.browser_body_limit if sender.key_scope == "browser-ingest" else settings.body_limit
        if headers.length > limit:
            raise too_large(limit)
        content = await read_body(receive, limit, settings.receipt_seconds)
        if execution_id is None:
            answer = await self._desk.take(route, content, sender)
        else:
            answer = await self._desk.complete(content, sender._replace(idempotency_key=None), execution_id)
        return answer.with_headers(fields)

    def take(self, scope: Scope, body: bytes, send: Callable[[HttpResponse], None]) -> bool:
        """Takes a single object where all that it needs is at hand: `send` is called once it is kept.

        False for anything else, and for what has to be refused: `answer` finds the same, and says why.
        """
        if scope["method"] != "POST" or not body.startswith(b"{") or len(body) > SMALL or scope["query_string"]:
            return False
        route, scopes = ROUTES[scope["path"]]
        try:
            headers = read_headers(scope["headers"], SMALL)
            principal = self._keys.cached(headers.authorization)
            if principal is None:
                return False
            principal.require(*scopes)
            sender = self._desk.known_sender(principal, headers.idempotency_key, headers.traceparent, headers.date)
            if sender is None:
                return False
            fields = self._admit(scope, headers, principal)
            answer = lambda kept: send(kept.with_headers(fields))  # noqa: E731
            self._desk.take_one(route, body, sender, answer)
        except Exception:
            return False
        return True

    def _admit(self, scope: Scope, headers: Headers, principal: Principal | None) -> dict[str, str]:
        """The header fields about rate limits; a request that was looked at twice counts once. Raises Problem 429."""
        fields: dict[str, str] | None = scope.get(_ADMITTED)
        if fields is None:
            fields = scope[_ADMITTED] = self._limiter.admit(principal, scope, headers.forwarded)
        return fields


class IntakeMiddleware:
    """Answers what is sent in; everything else is for `app`, and so is reading."""

    def __init__(self, app: App, intake: Intake) -> None:
        self._app = app
        self._intake = intake

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = ROUTES.get(scope["path"]) if scope["type"] == "http" else None
        if found is None and completed_id(scope) is not None:
            found = ROUTES[_EXECUTIONS]
        if found is None or (scope["method"], scope["path"]) in _READ:
            await self._app(scope, receive, send)
            return
        try:
            answer = await self._intake.answer(scope, receive, *found)
        except ClientDisconnected:
            return
        except Exception as error:
            answer = refused(_problem(error))
        await _send(send, answer)


def completed_id(scope: Scope) -> str | None:
    """The id of the execution that a request records or completes by its path; None for any other request."""
    if scope["type"] != "http" or scope["method"] != "PUT" or not scope["path"].startswith(f"{_EXECUTIONS}/"):
        return None
    return str(scope["path"][len(_EXECUTIONS) + 1 :])


def _problem(error: Exception) -> Problem:
    if isinstance(error, Problem):
        return error
    if isinstance(error, QueueFull) or classify(error) is FailureClass.RETRYABLE:
        return overloaded()
    logger(__name__).error("intake failed", error=type(error).__name__)  # its text may hold a user's
    return Problem(500, "internal", "Something went wrong here; it was logged")


async def _send(send: Send, answer: HttpResponse) -> None:
    headers = [(b"content-type", answer.media), (b"content-length", b"%d" % len(answer.body))]
    headers += [(name.lower().encode(), value.encode()) for name, value in answer.headers.items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
