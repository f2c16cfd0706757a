"""`POST /v1/traces`: spans from OpenTelemetry exporters (OTLP/HTTP), recorded as executions and feedback.

Plain ASGI in front of the framework, because OTLP has its own form of refusals. docs/opentelemetry.md describes what
is recorded.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from collector.api.otlp_codec import JSON, PROTOBUF, Encoding, decode_spans
from collector.api.otlp_responses import export_response, status_response
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
)
from collector.api.responses import HttpResponse, problem_of_error, send_response
from collector.domain.otlp.partial_success import partial_success
from collector.domain.otlp.translation import Translation, translate
from collector.ingest.service import MAX_INLINE_BYTES, IngestService
from collector.settings import CollectorSettings
from shared.auth.keys import KeyStore
from shared.problems import invalid
from shared.web.query import check_names
from shared.web.rate_limiter import RateLimiter, admit_request

PATH = "/v1/traces"
_ENCODINGS: dict[bytes, Encoding] = {b"application/x-protobuf": PROTOBUF, b"application/json": JSON}


@dataclass(frozen=True, slots=True)
class TracesEndpoint:
    """Answers export requests."""

    service: IngestService
    keys: KeyStore
    settings: CollectorSettings
    limiter: RateLimiter
    _decoder: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(1))

    async def respond(self, scope: Scope, receive: Receive) -> HttpResponse:
        """Return the response to a POST, also where it is refused. Raises ClientDisconnected."""
        encoding = _ENCODINGS.get(_media_type(scope))
        quota: dict[str, str] = {}
        try:
            quota = admit_request(self.limiter, self.keys, scope)
            if encoding is None:
                raise invalid("Content-Type", "must be application/x-protobuf or application/json", 415)
            response = await self._export(scope, receive, encoding)
        except ClientDisconnected:
            raise
        except Exception as error:
            response = status_response(problem_of_error(error), encoding or JSON)
        return response.with_headers(quota)

    async def _export(self, scope: Scope, receive: Receive, encoding: Encoding) -> HttpResponse:
        """Record the spans of a request. Raises Problem, QueueFull, Retryable or ClientDisconnected."""
        if scope["query_string"]:
            check_names(scope["query_string"], ())
        limit = self.settings.otlp_body_limit
        headers = read_headers({name: value for name, value in scope["headers"] if name != b"content-type"}, limit)
        gzip = has_gzip_body(scope["headers"])
        principal = (await self.keys.authenticate(headers.authorization)).require("ingest")
        context = await self.service.request_context(principal, None, headers.traceparent, headers.date)
        content = await read_body(receive, limit, self.settings.receipt_seconds)
        translation = await self._translate(inflate(content, limit) if gzip else content, encoding)
        results = await self.service.ingest_bodies(translation.items, context)
        return export_response(partial_success(translation, results), encoding)

    async def _translate(self, content: bytes, encoding: Encoding) -> Translation:
        """Return what a request contains; a large one is decoded in a thread, one at a time."""
        if len(content) <= MAX_INLINE_BYTES:
            return _decode_and_translate(content, encoding)
        async with self._decoder:
            return await asyncio.to_thread(_decode_and_translate, content, encoding)


def _decode_and_translate(content: bytes, encoding: Encoding) -> Translation:
    return translate(decode_spans(content, encoding))


def _media_type(scope: Scope) -> bytes:
    found: Sequence[bytes] = [value for name, value in scope["headers"] if name == b"content-type"]
    return bytes(found[0].partition(b";")[0].strip().lower()) if found else b""


class TracesMiddleware:
    """Sends `POST /v1/traces` to the endpoint, and all other requests to `app`."""

    def __init__(self, app: App, endpoint: TracesEndpoint) -> None:
        self._app = app
        self._endpoint = endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != PATH or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        try:
            response = await self._endpoint.respond(scope, receive)
        except ClientDisconnected:
            return
        await send_response(send, response)
