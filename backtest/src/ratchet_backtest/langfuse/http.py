"""The one room that reaches the Langfuse server. It knows no request but GET: there is nothing it could change."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TypeVar

import httpx

from ratchet.client.options import certificates
from ratchet_backtest.langfuse import retry as patience
from ratchet_backtest.langfuse.config import LangfuseConfig
from ratchet_backtest.langfuse.errors import AccessDenied, LangfuseError, Unreachable
from ratchet_backtest.langfuse.schemas import InvalidJson, UnexpectedResponse, Wire, read

W = TypeVar("W", bound=Wire)
Pause = Callable[[float, str], None]
"""Waits so many seconds; it is told why."""
_TIMEOUT = httpx.Timeout(60.0, connect=10.0)


class Missing(LangfuseError):
    """The server does not have what was asked for."""


def connect(access: LangfuseConfig) -> httpx.Client:
    """A client that shows the keys, to that server only: it follows no redirect."""
    return httpx.Client(
        base_url=access.url,
        auth=(access.public_key, access.secret_key),
        headers={"accept": "application/json"},
        timeout=_TIMEOUT,
        verify=certificates(access.url),
        follow_redirects=False,
    )


class Server:
    """Asks, waits as it is told, and asks again; all its troubles are one line."""

    def __init__(
        self, url: str, client: httpx.Client, pause: Pause, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self.url = url
        self._client, self._pause, self._now = client, pause, now

    def get(
        self, path: str, shape: type[W], params: Mapping[str, str] | None = None, tries: int = patience.MOST_TRIES
    ) -> W:
        """What is at a path, of that shape; after so many failures it gives up. Raises Trouble."""
        failures = refusals = 0
        while True:
            trouble, answer = self._once(path, params)
            if answer is not None and answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
                refusals += 1
                self._wait_for_turn(refusals, answer)
                continue
            if answer is not None and trouble is None:
                try:
                    return self._read(path, shape, answer)
                except InvalidJson as error:
                    trouble = LangfuseError(f"{self.url} sent a broken answer to {path}: {error}")
            assert trouble is not None
            failures += 1
            wait = patience.failed(failures)
            if wait is None or failures >= tries:
                raise trouble
            self._pause(wait, "no answer")

    def _once(self, path: str, params: Mapping[str, str] | None) -> tuple[LangfuseError | None, httpx.Response | None]:
        """A trouble that may pass, or an answer. Raises Trouble for what stays."""
        try:
            answer = self._client.get(path, params=params)
        except httpx.HTTPError as error:
            reason = f": {error}" if str(error) else ""
            return Unreachable(f"{self.url} can't be reached: {type(error).__name__}{reason}"), None
        if answer.is_server_error:
            return Unreachable(f"{self.url} answers {answer.status_code} to {path}"), None
        if answer.status_code != httpx.codes.TOO_MANY_REQUESTS and not answer.is_success:
            raise self._lasting(path, answer)
        return None, answer

    def _lasting(self, path: str, answer: httpx.Response) -> LangfuseError:
        match answer.status_code:
            case 401:
                return AccessDenied(f"{self.url} does not accept LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY")
            case 403:
                return AccessDenied(f"{self.url} does not let these keys read {path}")
            case 404:
                return Missing(f"{self.url} has no {path}: is LANGFUSE_HOST a Langfuse server's address?")
            case 301 | 302 | 307 | 308:
                place = answer.headers.get("location", "elsewhere")[:200]
                return LangfuseError(f"{self.url} sends {path} to {place}: is that what LANGFUSE_HOST should be?")
        return LangfuseError(f"{self.url} answers {answer.status_code} to {path}: {_start(answer)}")

    def _wait_for_turn(self, refusals: int, answer: httpx.Response) -> None:
        asked = answer.headers.get("retry-after")
        wait = patience.limited(refusals, asked, self._now())
        if wait is None:
            seconds = patience.retry_message(asked, self._now())
            raise Unreachable(f"{self.url} allows no more requests for {seconds:.0f} s: try again later")
        self._pause(wait, "too many requests")

    def _read(self, path: str, shape: type[W], answer: httpx.Response) -> W:
        if "json" not in answer.headers.get("content-type", ""):
            raise LangfuseError(f"{self.url} answers {path} with something else than JSON: {_start(answer)}")
        try:
            return read(shape, answer.content)
        except UnexpectedResponse as error:
            raise LangfuseError(f"{self.url} answers {path} with something unknown: {error}") from None


def _start(answer: httpx.Response) -> str:
    """How an answer begins, on one line."""
    return " ".join(answer.content[:200].decode("utf-8", "replace").split())[:100]
