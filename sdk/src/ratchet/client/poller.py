"""Fetch prompts by name while the stream does not work."""

import asyncio
import contextlib
import json
import logging
import random
import time
from collections.abc import Awaitable, Callable, Set
from urllib.parse import quote

import httpx

from ratchet.client.prompt_cache import PromptCache
from ratchet.client.response_limits import BoundedResponse, UnexpectedStatus, get
from ratchet.client.transport import retry_after
from ratchet.sanitize import visible

log = logging.getLogger("ratchet")

MIN_INTERVAL = 15.0
"""Seconds between two polls, at least; at most twice as many."""


def add_jitter(seconds: float) -> float:
    """Return a duration between `seconds` and twice that, at random, so that clients don't all ask at once."""
    return seconds * random.uniform(1, 2)  # noqa: S311


class Poller:
    """Get each prompt with `If-None-Match`, every 15 to 30 s or as late as `Retry-After` says.

    What is fetched is verified by `PromptCache.accept_prompt`, as a pushed prompt is.
    """

    def __init__(
        self,
        cache: PromptCache,
        timeout: float,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`timeout` in seconds, of each request."""
        self._cache, self._timeout = cache, timeout
        self._monotonic, self._sleep = monotonic, sleep
        self._needed = asyncio.Event()
        self._due: float | None = None
        self._etags: dict[str, str] = {}
        self._rejected: dict[str, bytes] = {}

    @property
    def active(self) -> bool:
        """Whether prompts are polled now."""
        return self._needed.is_set()

    def begin(self, *, now: bool) -> None:
        """Poll until `pause` or `stop`: first `now`, else after one interval, unless a poll is due already."""
        self._needed.set()
        if self._due is None:
            self._due = self._monotonic() + (0.0 if now else add_jitter(MIN_INTERVAL))

    def pause(self) -> None:
        """Stop polling. The time of the next poll stays, for a stream that fails again and again."""
        self._needed.clear()

    def stop(self) -> None:
        """Stop polling and forget the time of the next poll: the stream works."""
        self._needed.clear()
        self._due = None

    async def run(self, client: httpx.AsyncClient, names: Set[str]) -> None:
        """Poll these names whenever it is needed and due; until cancelled."""
        while True:
            await self._needed.wait()
            wait = (self._due or 0.0) - self._monotonic()
            if wait > 0:
                await self._sleep(wait)
                continue
            later = await self._poll(client, names)
            if self._due is not None:
                self._due = self._monotonic() + add_jitter(max(MIN_INTERVAL, later))

    async def fetch(self, client: httpx.AsyncClient, name: str) -> BoundedResponse:
        """Get one prompt and put it into the cache if it changed. Raises what `get` raises, and ValueError."""
        headers = {"if-none-match": self._etags[name]} if name in self._etags else {}
        answer = await get(client, f"/v1/prompts/{quote(name, safe='')}", self._timeout, headers)
        if answer.status == 200 and self._rejected.get(name) != answer.body:
            if self._cache.accept_prompt(json.loads(answer.body), frozenset({name})):
                if etag := answer.headers.get("etag"):
                    self._etags[name] = etag
            else:
                self._rejected[name] = answer.body  # so that it is logged and counted once
        if answer.status == 404:
            self._cache.forget_saved(name)
        return answer

    async def _poll(self, client: httpx.AsyncClient, names: Set[str]) -> float:
        """Fetch every name, and return for how many seconds the server asks to wait.

        A refusal or a fault of the network ends the round. The order is random, so that no name keeps others waiting.
        """
        if not self._cache.trusts_keys:
            return 0.0
        for name in random.sample(sorted(names), len(names)):
            try:
                answer = await self.fetch(client, name)
                if answer.status not in (200, 304, 404):
                    raise UnexpectedStatus(answer.status, retry_after(answer.headers))
            except UnexpectedStatus as error:
                self._log(name, str(error))
                return error.retry_after or 0.0
            except Exception as error:  # the thread must continue after any error
                self._log(name, type(error).__name__)
                if isinstance(error, httpx.HTTPError | TimeoutError):
                    return 0.0
        return 0.0

    def _log(self, name: str, reason: str) -> None:
        with contextlib.suppress(Exception):  # a log handler of the app's
            log.info("ratchet: prompt %s could not be polled: %s", visible(name), visible(reason))
