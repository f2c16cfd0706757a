"""Subscription to live prompts: one connection per client, for all names in use.

A name is first requested once, then pushed, and polled while the stream does not work. Everything received is verified
before it is served; while the server is unavailable, the last verified versions are served.
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

from ratchet.client.options import Options
from ratchet.client.poller import Poller, add_jitter
from ratchet.client.prompt_cache import PromptCache
from ratchet.client.prompt_verification import trusted_keys
from ratchet.client.response_limits import BoundedEvents, UnexpectedStatus, get
from ratchet.client.sender import pause
from ratchet.client.sender_log import LogThrottle
from ratchet.client.serving_reports import InstanceReporter
from ratchet.client.transport import misconfigured, retry_after
from ratchet.sanitize import visible

log = logging.getLogger("ratchet")

Transport = Callable[[], httpx.AsyncClient]

_WORKING_AFTER_S = 5.0
"""Seconds after which a stream counts as working."""
_MAX_DOUBLINGS = 6
MAX_NAMES = 200
"""Names of prompts that one stream request may list."""

_MAX_QUERY_BYTES = 6_000
"""Proxies accept a request line of 8,000 bytes."""


class LiveSubscriber:
    """The coroutines of the subscriber's event loop. Set `changed` there after adding names or setting `closed`."""

    def __init__(
        self,
        options: Options,
        cache: PromptCache,
        client: Transport,
        instance: str,
        asked: Mapping[str, "Future[None]"],
        poller: Poller | None = None,
    ) -> None:
        """`asked`: by name, the future of the first answer. Other threads add to it."""
        self._options, self._cache, self._new_client = options, cache, client
        self._instance, self._asked = instance, asked
        self._throttle = LogThrottle()
        self._poller = poller or Poller(cache, options.timeout)
        self.reporter = InstanceReporter(cache, instance, options.timeout)
        self._warned_many = False
        self.changed = asyncio.Event()
        self.closed = False

    async def follow_all(self) -> None:
        """Create the HTTP client, repeatedly if that fails, and follow all names; until closed."""
        attempt = 0
        while not self.closed:
            try:
                async with self._new_client() as client:
                    await self._follow_with(client)
            except Exception as error:  # a proxy, a certificate file, a missing module
                attempt += 1
                self._log_failure(f"{type(error).__name__}: {error}", True)
                self.resolve_all()
                await self._rest(pause(min(attempt, _MAX_DOUBLINGS)))

    def resolve_all(self) -> None:
        """Resolve all futures of first answers."""
        for first in list(self._asked.values()):
            resolve(first)

    async def _follow_with(self, client: httpx.AsyncClient) -> None:
        """Request each new name once, and reconnect whenever the names change; until closed."""
        names: frozenset[str] = frozenset()
        tasks: list[asyncio.Task[None]] = []
        listening: asyncio.Task[None] | None = None
        try:
            while not self.closed:
                self.changed.clear()
                asked = dict(self._asked)
                tasks += [asyncio.create_task(self._first(client, name, asked[name])) for name in asked.keys() - names]
                if listening is None or names != asked.keys():
                    names = frozenset(asked)
                    await _cancelled(listening)
                    listening = asyncio.create_task(self._listen(client, names))
                await self.changed.wait()
        finally:
            for task in (*tasks, listening):
                await _cancelled(task)

    async def _rest(self, seconds: float) -> None:
        """Wait for `seconds`, or until `changed` is set."""
        self.changed.clear()
        if not self.closed:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.changed.wait(), seconds)

    async def _listen(self, client: httpx.AsyncClient, names: frozenset[str]) -> None:
        """Receive pushed and polled versions of these names, and report what is served; until cancelled."""
        async with asyncio.TaskGroup() as both:
            both.create_task(self._poller.run(client, names))
            both.create_task(self._stream(client, names))
            both.create_task(self.reporter.run(client, names))

    async def _stream(self, client: httpx.AsyncClient, names: frozenset[str]) -> None:
        """Receive pushed versions of these names; reconnect after every failure."""
        loop, attempt = asyncio.get_running_loop(), 0
        while True:
            began = loop.time()
            failure: Exception | None = None
            try:
                await self._pin_keys(client)
                await self._receive_pushed(client, names)
            except UnexpectedStatus as error:
                failure = error
                self._log_failure(str(error), misconfigured(error.status))
            except Exception as error:  # any error: the thread must reconnect
                failure = error
                self._log_failure(type(error).__name__)
            attempt = 1 if loop.time() - began > _WORKING_AFTER_S else attempt + 1
            if attempt > 1 or is_refused(failure) or is_silent(failure):
                self._poller.begin(now=is_silent(failure))
            await asyncio.sleep(max(pause(min(attempt, _MAX_DOUBLINGS)), requested_pause(failure)))

    async def _first(self, client: httpx.AsyncClient, name: str, first: "Future[None]") -> None:
        try:
            await self._pin_keys(client)
            await self._poller.fetch(client, name)
        except Exception as error:  # any error: the default is served
            with contextlib.suppress(Exception):  # a log handler of the app's
                log.info("ratchet: the default is served: %s", type(error).__name__)
        finally:
            resolve(first)

    async def _pin_keys(self, client: httpx.AsyncClient) -> None:
        """Pin the server's keys where the app configured none. Raises ValueError, and what `get` raises."""
        if self._cache.trusts_keys:
            return
        answer = await get(client, "/v1/signing-keys", self._options.timeout)
        if answer.status != 200:
            raise UnexpectedStatus(answer.status, retry_after(answer.headers))
        try:
            keys = trusted_keys([str(entry["public_key"]) for entry in json.loads(answer.body)["keys"]])
        except (KeyError, TypeError) as error:
            raise ValueError("the response has no signing keys") from error
        self._cache.pin(keys)

    async def _receive_pushed(self, client: httpx.AsyncClient, names: frozenset[str]) -> None:
        response = await self._opened(client, names)
        try:
            if response.status_code != 200:
                raise UnexpectedStatus(response.status_code, retry_after(response.headers))
            self._throttle.reset()
            self.reporter.connected(response.headers.get("x-ratchet-stream"))
            chunks = cast(httpx.AsyncByteStream, response.stream)
            response.stream = BoundedEvents(chunks, self._stop_polling_after(_WORKING_AFTER_S))
            async for event in EventSource(response).aiter_sse():
                if event.event == "prompt":
                    if self._cache.accept_prompt(json.loads(event.data), names):
                        self._poller.pause()
                    self.reporter.changed.set()
        finally:
            await response.aclose()

    def _stop_polling_after(self, seconds: float) -> Callable[[], None]:
        """Return a callback for each chunk of a stream; after `seconds` a chunk proves that the stream works."""
        loop = asyncio.get_running_loop()
        began = loop.time()

        def on_chunk() -> None:
            if loop.time() - began > seconds:
                self._poller.stop()

        return on_chunk

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

    def _log_failure(self, reason: str, is_misconfigured: bool = False) -> None:
        level = self._throttle.level(reason, is_misconfigured, asyncio.get_running_loop().time())
        with contextlib.suppress(Exception):  # a log handler of the app's
            log.log(level, "ratchet: prompts are not updated: %s", visible(reason))

    def _warn_many(self, count: int) -> None:
        if not self._warned_many:
            self._warned_many = True
            log.warning("ratchet: %d prompt names are too many for one request: all prompts are pushed", count)


def names_query(names: Set[str]) -> dict[str, str]:
    """Return the query of a stream request for these names; empty where they are too many, which asks for all."""
    joined = ",".join(sorted(names))
    fits = len(names) <= MAX_NAMES and len(quote(joined)) <= _MAX_QUERY_BYTES
    return {"names": joined} if fits else {}


def is_refused(failure: Exception | None) -> bool:
    """Tell whether the server refused a stream because too many are open, or it has too much to do."""
    return isinstance(failure, UnexpectedStatus) and failure.status in (429, 503)


def is_silent(failure: Exception | None) -> bool:
    """Tell whether nothing was received for longer than the server's keep-alive interval."""
    return isinstance(failure, TimeoutError | httpx.TimeoutException)


def requested_pause(failure: Exception | None) -> float:
    """Return how many seconds to wait at least, as the server asked by `Retry-After`, jittered; else 0."""
    return add_jitter(failure.retry_after or 0.0) if isinstance(failure, UnexpectedStatus) else 0.0


def resolve(first: "Future[None]") -> None:
    """Resolve the future of a first answer, unless it is resolved already."""
    with contextlib.suppress(InvalidStateError):
        first.set_result(None)


async def _cancelled(task: "asyncio.Task[None] | None") -> None:
    if task is not None:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
