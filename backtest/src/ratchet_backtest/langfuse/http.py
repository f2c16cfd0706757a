"""HTTP client of the Langfuse server: GET requests with retries, so it cannot change anything."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TypeVar

import httpx

from ratchet.client.options import certificates
from ratchet_backtest.langfuse import retry
from ratchet_backtest.langfuse.config import LangfuseConfig
from ratchet_backtest.langfuse.errors import LangfuseAccessDenied, LangfuseError, Unreachable
from ratchet_backtest.langfuse.schemas import InvalidJson, UnexpectedResponse, Wire, parse_response

W = TypeVar("W", bound=Wire)
Wait = Callable[[float, str], None]
"""Waits for a number of seconds, for a reason."""
_TIMEOUT = httpx.Timeout(60.0, connect=10.0)


class NotFound(LangfuseError):
    """The server does not have the path."""


def connect(config: LangfuseConfig) -> httpx.Client:
    """Return a client with the keys; it follows no redirects, so only this server receives them."""
    return httpx.Client(
        base_url=config.url,
        auth=(config.public_key, config.secret_key),
        headers={"accept": "application/json"},
        timeout=_TIMEOUT,
        verify=certificates(config.url),
        follow_redirects=False,
    )


class Server:
    """GET with retries that honours Retry-After; raises LangfuseError with one-line messages."""

    def __init__(
        self, url: str, client: httpx.Client, pause: Wait, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self.url = url
        self._client, self._pause, self._now = client, pause, now

    def get(
        self, path: str, shape: type[W], params: Mapping[str, str] | None = None, tries: int = retry.MOST_TRIES
    ) -> W:
        """Return the response of a path as `shape`, after at most `tries` failed attempts. Raises LangfuseError."""
        failures = refusals = 0
        while True:
            problem, response = self._send(path, params)
            if response is not None and response.status_code == httpx.codes.TOO_MANY_REQUESTS:
                refusals += 1
                self._wait_after_refusal(refusals, response)
                continue
            if response is not None and problem is None:
                try:
                    return self._read(path, shape, response)
                except InvalidJson as error:
                    problem = LangfuseError(f"{self.url} sent invalid JSON for {path}: {error}")
            assert problem is not None
            failures += 1
            wait = retry.delay_after_failures(failures)
            if wait is None or failures >= tries:
                raise problem
            self._pause(wait, "no answer")

    def _send(self, path: str, params: Mapping[str, str] | None) -> tuple[LangfuseError | None, httpx.Response | None]:
        """Return a transient error or a response. Raises LangfuseError for a permanent error."""
        try:
            response = self._client.get(path, params=params)
        except httpx.HTTPError as error:
            reason = f": {error}" if str(error) else ""
            return Unreachable(f"{self.url} is unreachable: {type(error).__name__}{reason}"), None
        if response.is_server_error:
            return Unreachable(f"{self.url} answered {response.status_code} to {path}"), None
        if response.status_code != httpx.codes.TOO_MANY_REQUESTS and not response.is_success:
            raise self._permanent_error(path, response)
        return None, response

    def _permanent_error(self, path: str, response: httpx.Response) -> LangfuseError:
        match response.status_code:
            case 401:
                return LangfuseAccessDenied(f"{self.url} rejects LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY")
            case 403:
                return LangfuseAccessDenied(f"{self.url} does not permit these keys to read {path}")
            case 404:
                return NotFound(f"{self.url} has no {path}: check that LANGFUSE_HOST is a Langfuse server")
            case 301 | 302 | 307 | 308:
                target = response.headers.get("location", "elsewhere")[:200]
                return LangfuseError(f"{self.url} redirects {path} to {target}: check LANGFUSE_HOST")
        return LangfuseError(f"{self.url} answered {response.status_code} to {path}: {_excerpt(response)}")

    def _wait_after_refusal(self, refusals: int, response: httpx.Response) -> None:
        asked = response.headers.get("retry-after")
        wait = retry.delay_after_refusals(refusals, asked, self._now())
        if wait is None:
            seconds = retry.parse_retry_after(asked, self._now())
            raise Unreachable(f"{self.url} limits requests for {seconds:.0f} s: try again later")
        self._pause(wait, "too many requests")

    def _read(self, path: str, shape: type[W], response: httpx.Response) -> W:
        if "json" not in response.headers.get("content-type", ""):
            raise LangfuseError(f"{self.url} answered {path} with something other than JSON: {_excerpt(response)}")
        try:
            return parse_response(shape, response.content)
        except UnexpectedResponse as error:
            raise LangfuseError(f"{self.url} answered {path} with unexpected JSON: {error}") from None


def _excerpt(response: httpx.Response) -> str:
    """Return the start of a response on one line."""
    return " ".join(response.content[:200].decode("utf-8", "replace").split())[:100]
