"""HTTP client of the Langfuse server: GET requests with retries, so it cannot change anything."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TypeVar

import httpx

from ratchet.client.options import certificates
from ratchet_langfuse import retry
from ratchet_langfuse.config import PREFIX, LangfuseConfig
from ratchet_langfuse.errors import AnswerTooLarge, LangfuseAccessDenied, LangfuseError, NotFound, Unreachable
from ratchet_langfuse.schemas import InvalidJson, UnexpectedResponse, Wire, parse_response

R = TypeVar("R")
W = TypeVar("W", bound=Wire)
Params = Mapping[str, str | Sequence[str]]
Wait = Callable[[float, str], None]
"""Waits for a number of seconds, for a reason."""
_OF_ENCODED_BODIES = ("content-encoding", "content-length", "transfer-encoding")
_TIMEOUT = httpx.Timeout(60.0, connect=10.0)


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

    _verb = "read"

    def __init__(
        self,
        url: str,
        client: httpx.Client,
        pause: Wait,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        *,
        max_bytes: int | None = None,
        prefix: str = PREFIX,
    ) -> None:
        """`max_bytes` limits each answer; messages name the variables with the keys by `prefix`."""
        self.url = url
        self._client, self._pause, self._now = client, pause, now
        self._max_bytes, self._prefix = max_bytes, prefix

    def get(self, path: str, shape: type[W], params: Params | None = None, tries: int = retry.MOST_TRIES) -> W:
        """Return the response of a path as `shape`, after at most `tries` failed attempts. Raises LangfuseError."""
        return self._retried(
            path, lambda: self._fetch(path, params), lambda response: self._read(path, shape, response), tries
        )

    def _retried(
        self,
        path: str,
        fetch: Callable[[], httpx.Response],
        read: Callable[[httpx.Response], R],
        tries: int = retry.MOST_TRIES,
    ) -> R:
        """Return what `read` makes of the response that `fetch` returns at last. Raises LangfuseError."""
        failures = refusals = 0
        while True:
            problem, response = self._send(path, fetch)
            if response is not None and response.status_code == httpx.codes.TOO_MANY_REQUESTS:
                refusals += 1
                self._wait_after_refusal(refusals, response)
                continue
            if response is not None and problem is None:
                try:
                    return read(response)
                except InvalidJson as error:
                    problem = LangfuseError(f"{self.url} sent invalid JSON for {path}: {error}")
            assert problem is not None
            failures += 1
            wait = retry.delay_after_failures(failures)
            if wait is None or failures >= tries:
                raise problem
            self._pause(wait, "no answer")

    def _send(
        self, path: str, fetch: Callable[[], httpx.Response]
    ) -> tuple[LangfuseError | None, httpx.Response | None]:
        """Return a transient error or a response. Raises LangfuseError for a permanent error."""
        try:
            response = fetch()
        except httpx.HTTPError as error:
            reason = f": {error}" if str(error) else ""
            return Unreachable(f"{self.url} is unreachable: {type(error).__name__}{reason}"), None
        if response.is_server_error:
            return Unreachable(f"{self.url} answered {response.status_code} to {path}"), None
        if response.status_code != httpx.codes.TOO_MANY_REQUESTS and not response.is_success:
            raise self._permanent_error(path, response)
        return None, response

    def _fetch(self, path: str, params: Params | None) -> httpx.Response:
        """Return the whole response. Raises httpx.HTTPError or AnswerTooLarge."""
        if self._max_bytes is None:
            return self._client.get(path, params=params)
        with self._client.stream("GET", path, params=params) as response:
            content = bytearray()
            for part in response.iter_bytes():
                content += part
                if len(content) > self._max_bytes:
                    raise AnswerTooLarge(f"{self.url} answered {path} with more than {self._max_bytes:,} bytes")
        kept = {name: text for name, text in response.headers.items() if name not in _OF_ENCODED_BODIES}
        return httpx.Response(response.status_code, headers=kept, content=bytes(content))

    def _permanent_error(self, path: str, response: httpx.Response) -> LangfuseError:
        match response.status_code:
            case 401:
                return LangfuseAccessDenied(
                    f"{self.url} rejects {self._prefix}_PUBLIC_KEY and {self._prefix}_SECRET_KEY"
                )
            case 403:
                return LangfuseAccessDenied(f"{self.url} does not permit these keys to {self._verb} {path}")
            case 404:
                return NotFound(f"{self.url} has no {path}: check that {self._prefix}_HOST is a Langfuse server")
            case 301 | 302 | 307 | 308:
                target = response.headers.get("location", "elsewhere")[:200]
                return LangfuseError(f"{self.url} redirects {path} to {target}: check {self._prefix}_HOST")
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
