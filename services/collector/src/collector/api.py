"""`POST /v1/executions` and `POST /v1/feedback`: plain ASGI, in front of the framework, since they are hot."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from collector.answers import Answer, busy, refused
from collector.committer import Full
from collector.desk import Desk
from collector.receiving import ClientGone, Receive, read_body, read_headers
from collector.sender import Route
from collector.settings import CollectorSettings
from shared.messaging.errors import FailureClass, classify
from shared.runtime.log import logger
from shared.web.keys import KeyStore
from shared.web.problems import Problem, strict_json

Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_ROUTES: dict[str, tuple[Route, tuple[str, ...]]] = {
    "/v1/feedback": ("feedback", ("ingest", "browser-ingest")),
    "/v1/executions": ("executions", ("ingest",)),
}
"""Path → route, and the scopes of which a key needs one."""


class IntakeMiddleware:
    """Answers the two hot routes; everything else is for `app`."""

    def __init__(self, app: App, desk: Desk, keys: KeyStore, settings: CollectorSettings) -> None:
        self._app = app
        self._desk = desk
        self._keys = keys
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = _ROUTES.get(scope["path"]) if scope["type"] == "http" else None
        if found is None:
            await self._app(scope, receive, send)
            return
        try:
            answer = await self._answer(scope, receive, *found)
        except ClientGone:
            return
        except Exception as error:
            answer = refused(_problem(error))
        await _send(send, answer)

    async def _answer(self, scope: Scope, receive: Receive, route: Route, scopes: tuple[str, ...]) -> Answer:
        if scope["method"] != "POST":
            raise Problem(405, "method", "Only POST is answered here", headers={"Allow": "POST"})
        settings = self._settings
        headers = read_headers(scope["headers"], settings.body_limit)
        principal = (await self._keys.authenticate(headers.authorization)).require(*scopes)
        sender = await self._desk.sender(principal, headers.idempotency_key, headers.traceparent)
        body = await read_body(receive, settings.body_limit, settings.receipt_seconds)
        return await self._desk.take(route, strict_json(body), sender, len(body))


def _problem(error: Exception) -> Problem:
    if isinstance(error, Problem):
        return error
    if isinstance(error, Full) or classify(error) is FailureClass.RETRYABLE:
        return busy()
    logger(__name__).error("intake failed", error=type(error).__name__)  # its text may hold a user's
    return Problem(500, "internal", "Something went wrong here; it was logged")


async def _send(send: Send, answer: Answer) -> None:
    headers = [(b"content-type", answer.media), (b"content-length", b"%d" % len(answer.body))]
    headers += [(name.lower().encode(), value.encode()) for name, value in answer.headers.items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
