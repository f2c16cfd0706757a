"""HTTP requests to a forge: no redirects, bounded answers, and errors by what is to be done about them."""

import json
import time
from typing import Any

import httpx

from proposer.domain.pull_requests import FaultKind
from proposer.forges.port import ForgeError

MAX_ANSWER = 8_000_000
"""Bytes of an answer; more are not read."""
_TIMEOUT = httpx.Timeout(15.0, connect=5.0)


class RestClient:
    """JSON requests below one address, with one token. Blocks at most about 15 s without an answer's next bytes."""

    def __init__(self, url: str, headers: dict[str, str], transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._client = httpx.AsyncClient(
            base_url=url, headers={"user-agent": "ratchet-proposer", **headers}, timeout=_TIMEOUT,
            follow_redirects=False, transport=transport, trust_env=False,
        )  # fmt: skip

    async def request(self, method: str, route: str, body: Any = None, **params: str | int) -> Any:
        """Return the JSON answer; None if it is empty. Raises ForgeError."""
        status, headers, content = await self._send(method, route, body, params)
        if not 200 <= status < 300:
            raise fault(method, route, status, headers, content)
        if not content:
            return None
        try:
            return json.loads(content)
        except (ValueError, RecursionError) as error:
            raise ForgeError("unavailable", f"{method} {route}: the answer is not JSON") from error

    async def find(self, route: str, **params: str | int) -> Any | None:
        """Return the JSON answer of a GET; None for 404. Raises ForgeError."""
        try:
            return await self.request("GET", route, **params)
        except ForgeError as error:
            if isinstance(error, MissingOnForge):
                return None
            raise

    async def aclose(self) -> None:
        await self._client.aclose()

    async def _send(
        self, method: str, path: str, body: Any, params: dict[str, str | int]
    ) -> tuple[int, httpx.Headers, bytes]:
        received = bytearray()
        try:
            request = self._client.build_request(method, path, json=body, params=params or None)
            response = await self._client.send(request, stream=True)
            try:
                async for chunk in response.aiter_bytes():
                    received += chunk
                    if len(received) > MAX_ANSWER:
                        raise ForgeError("invalid", f"{method} {path}: the answer is larger than {MAX_ANSWER:,} bytes")
            finally:
                await response.aclose()
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ForgeError("unavailable", f"{method} {path}: {type(error).__name__}") from error
        return response.status_code, response.headers, bytes(received)


class MissingOnForge(ForgeError):
    """The forge answered 404: it is not there, or the token may not see it."""


def fault(method: str, path: str, status: int, headers: httpx.Headers, content: bytes) -> ForgeError:
    """Return the error for an answer that is no success."""
    message = f"{method} {path}: {status}{_said(content)}"
    if status == 404:
        return MissingOnForge("refused", message)
    limited = status == 429 or (status == 403 and _is_rate_limit(headers, content))
    if limited:
        return ForgeError("limited", message, _wait_seconds(headers))
    kind: FaultKind = "unavailable"
    if status in (401, 403):
        kind = "refused"
    elif status < 500 and status != 408:
        kind = "invalid"
    return ForgeError(kind, message, _wait_seconds(headers) if status == 503 else None)


def _is_rate_limit(headers: httpx.Headers, content: bytes) -> bool:
    return (
        headers.get("x-ratelimit-remaining") == "0"
        or "retry-after" in headers
        or b"rate limit" in content[:2000].lower()
    )


def _wait_seconds(headers: httpx.Headers) -> float | None:
    for name in ("retry-after", "x-ratelimit-reset", "ratelimit-reset"):
        value = headers.get(name, "")
        if value.isascii() and value.isdigit() and len(value) < 12:
            return float(value) if name == "retry-after" else max(0.0, float(value) - time.time())
    return None


def _said(content: bytes) -> str:
    """Return the message in an error's answer, in one bounded line of printable characters."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return ""
    message = found.get("message") or found.get("error") if isinstance(found, dict) else None
    shown = json.dumps(message, ensure_ascii=False) if message else ""
    return f" {''.join(c for c in shown if c.isprintable())[:200]}" if shown else ""
