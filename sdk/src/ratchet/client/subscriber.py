"""Keeping prompts current: one connection a client, for all names in use.

A name is first asked for once, then pushed, and polled while the stream does not work. Whatever arrives is verified
before anything serves it; while the server is away, what was verified last stays.
"""

import asyncio
import contextlib
import json
import logging
from collections.abc import Callable, Mapping, Set
from concurrent.futures import Future, InvalidStateError
from typing import cast
from urllib.parse import quote

import httpx
from httpx_sse import EventSource

from ratchet.client.live import trusted_keys
from ratchet.client.log_throttle import LogThrottle
from ratchet.client.options import Options
from ratchet.client.poller import Poller, jittered
from ratchet.client.prompt_cache import PromptCache
from ratchet.client.response_limits import BoundedEvents, UnexpectedStatus, get
from ratchet.client.responses import misconfigured, retry_after
from ratchet.client.sender import pause
from ratchet.sanitize import visible

log = logging.getLogger("ratchet")

Transport = Callable[[], httpx.AsyncClient]

_LASTING = 5.0
"""Seconds after which a stream counts as one that works."""

_MAX_DOUBLINGS = 6

MAX_NAMES = 200
"""Names of prompts that one stream request may list."""

_MAX_QUERY_BYTES = 6_000
"""Proxies accept a request line of 8,000 bytes."""


class LiveSubscriber:
    """What runs in the stream's event loop. `changed` says there that names were added, or that `closed` was set."""

    def __init__(
        self,
        options: Options,
        shelf: PromptCache,
        client: Transport,
        instance: str,
        asked: Mapping[str, "Future[None]"],
        poller: Poller | None = None,
    ) -> None:
        """`asked`, to which other threads add: who waits for the first answer for each name."""
        self._options, self._shelf, self._new_client = options, shelf, client
        self._instance, self._asked = instance, asked
        self._trouble = LogThrottle()
        self._poller = poller or Poller(shelf, options.timeout)
        self._warned_many = False
        self.changed = asyncio.Event()
        self.closed = False

    async def follow_all(self) -> None:
        """Makes the HTTP client, as often as it takes, and listens; until closed."""
        attempt = 0
        while not self.closed:
            try:
                async with self._new_client() as client:
                    await self._follow_with(client)
            except Exception as error:  # a proxy, a certificate file, a module that is not there
                attempt += 1
                self._tell(f"{type(error).__name__}: {error}", True)
                self.settle_all()
                await self._rest(pause(min(attempt, _MAX_DOUBLINGS)))

    def settle_all(self) -> None:
        """Ends every wait for a first answer."""
        for first in list(self._asked.values()):
            wait_for_result(first)

    async def _follow_with(self, client: httpx.AsyncClient) -> None:
        """Asks once for each new name, and listens anew whenever the names change; until closed."""
        names: frozenset[str] = frozenset()
        tasks: list[asyncio.Task[None]] = []
        listening: asyncio.Task[None] | None = None
        try:
            while not self.closed:
                self.changed.clear()
                asked = dict(self._asked)
                tasks += [asyncio.create_task(self._first(client, name, asked[name])) for name in asked.keys() - names]
                names = frozenset(asked)
                await _cancelled(listening)
                listening = asyncio.create_task(self._listen(client, names))
                await self.changed.wait()
        finally:
            for task in (*tasks, listening):
                await _cancelled(task)

    async def _rest(self, seconds: float) -> None:
        """Waits so long, or until something changed."""
        self.changed.clear()
        if not self.closed:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.changed.wait(), seconds)

    async def _listen(self, client: httpx.AsyncClient, names: frozenset[str]) -> None:
        """Takes what is pushed for these names, or polled meanwhile; until cancelled."""
        async with asyncio.TaskGroup() as both:
            both.create_task(self._poller.run(client, names))
            both.create_task(self._stream(client, names))

    async def _stream(self, client: httpx.AsyncClient, names: frozenset[str]) -> None:
        """Takes what is pushed for these names; comes back after every failure."""
        loop, attempt = asyncio.get_running_loop(), 0
        while True:
            began = loop.time()
            failure: Exception | None = None
            try:
                await self._know_keys(client)
                await self._take_pushed(client, names)
            except UnexpectedStatus as error:
                failure = error
                self._tell(str(error), misconfigured(error.status))
            except Exception as error:  # whatever it is, the thread must come back
                failure = error
                self._tell(type(error).__name__)
            attempt = 1 if loop.time() - began > _LASTING else attempt + 1
            if attempt > 1 or is_refused(failure) or is_silent(failure):
                self._poller.begin(now=is_silent(failure))
            await asyncio.sleep(max(pause(min(attempt, _MAX_DOUBLINGS)), asked_pause(failure)))

    async def _first(self, client: httpx.AsyncClient, name: str, first: "Future[None]") -> None:
        try:
            await self._know_keys(client)
            await self._poller.fetch(client, name)
        except Exception as error:  # whatever it is, the default serves
            with contextlib.suppress(Exception):  # a log handler of the app's
                log.info("ratchet: the default is served: %s", type(error).__name__)
        finally:
            wait_for_result(first)

    async def _know_keys(self, client: httpx.AsyncClient) -> None:
        """Pins the server's keys where the app named none. Raises ValueError, and what `get` raises."""
        if self._shelf.trusts_keys:
            return
        answer = await get(client, "/v1/signing-keys", self._options.timeout)
        if answer.status != 200:
            raise UnexpectedStatus(answer.status, retry_after(answer.headers))
        try:
            keys = trusted_keys([str(entry["public_key"]) for entry in json.loads(answer.body)["keys"]])
        except (KeyError, TypeError) as error:
            raise ValueError("no signing keys") from error
        self._shelf.pin(keys)

    async def _take_pushed(self, client: httpx.AsyncClient, names: frozenset[str]) -> None:
        response = await self._opened(client, names)
        try:
            if response.status_code != 200:
                raise UnexpectedStatus(response.status_code, retry_after(response.headers))
            self._trouble.over()
            chunks = cast(httpx.AsyncByteStream, response.stream)
            response.stream = BoundedEvents(chunks, self._stop_polling_after(_LASTING))
            async for event in EventSource(response).aiter_sse():
                if event.event == "prompt" and self._shelf.take(json.loads(event.data), names):
                    self._poller.pause()
        finally:
            await response.aclose()

    def _stop_polling_after(self, seconds: float) -> Callable[[], None]:
        """Return what to call at each chunk of a stream: the first one that late proves that the stream works."""
        loop = asyncio.get_running_loop()
        began = loop.time()

        def heard() -> None:
            if loop.time() - began > seconds:
                self._poller.stop()

        return heard

    async def _opened(self, client: httpx.AsyncClient, names: frozenset[str]) -> httpx.Response:
        params = names_query(names)
        if not params:
            self._warn_many(len(names))
        request = client.build_request(
            "GET",
            "/v1/stream",
            params=params,
            headers={
                "accept": "text/event-stream",
                "cache-control": "no-store",
                "x-ratchet-instance": self._instance,
            },
            timeout=httpx.Timeout(self._options.timeout, read=self._options.silence),
        )
        async with asyncio.timeout(self._options.silence):
            return await client.send(request, stream=True)

    def _tell(self, reason: str, wrong: bool = False) -> None:
        level = self._trouble.level(reason, wrong, asyncio.get_running_loop().time())
        with contextlib.suppress(Exception):  # a log handler of the app's
            log.log(level, "ratchet: prompts stay as they are: %s", visible(reason))

    def _warn_many(self, count: int) -> None:
        if not self._warned_many:
            self._warned_many = True
            log.warning("ratchet: %d names of prompts are too many to be asked for: all of them are pushed", count)


def names_query(names: Set[str]) -> dict[str, str]:
    """Return the query of a stream request for these names; empty where they are too many, which asks for all."""
    joined = ",".join(sorted(names))
    fits = len(names) <= MAX_NAMES and len(quote(joined)) <= _MAX_QUERY_BYTES
    return {"names": joined} if fits else {}


def is_refused(failure: Exception | None) -> bool:
    """Whether the server refused a stream because too many are open, or it has too much to do."""
    return isinstance(failure, UnexpectedStatus) and failure.status in (429, 503)


def is_silent(failure: Exception | None) -> bool:
    """Whether nothing was heard for longer than the server's keep-alive allows."""
    return isinstance(failure, TimeoutError | httpx.TimeoutException)


def asked_pause(failure: Exception | None) -> float:
    """Return how many seconds to wait at least, as the server asked by `Retry-After`, jittered; else 0."""
    return jittered(failure.retry_after or 0.0) if isinstance(failure, UnexpectedStatus) else 0.0


def wait_for_result(first: "Future[None]") -> None:
    """Ends the wait for a first answer; nothing happens if it ended before."""
    with contextlib.suppress(InvalidStateError):
        first.set_result(None)


async def _cancelled(task: "asyncio.Task[None] | None") -> None:
    if task is not None:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
