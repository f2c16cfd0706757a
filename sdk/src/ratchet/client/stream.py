"""The background thread that keeps prompts current: one connection a client, for all names in use.

A name is first asked for once, then pushed. Whatever arrives is verified before anything serves it; while the
server is away, what was verified last stays.
"""

import asyncio
import contextlib
import json
import logging
import os
import re
import secrets
import socket
import threading
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from urllib.parse import quote

import httpx
from httpx_sse import aconnect_sse

from ratchet.client.ending import at_exit
from ratchet.client.live import trusted_keys
from ratchet.client.options import Options
from ratchet.client.sender import pause
from ratchet.client.shelf import Shelf

log = logging.getLogger("ratchet")

Transport = Callable[[], httpx.AsyncClient]

_LASTING = 5.0
_MOST_DOUBLINGS = 6


class Stream:
    """Fetches and follows prompts. Not started before the first name is asked for."""

    def __init__(self, options: Options, shelf: Shelf, client: Transport) -> None:
        self._options, self._shelf, self._new_client = options, shelf, client
        self._name = instance_name()
        self._lock = threading.Lock()
        self._asked: dict[str, Future[None]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._closed = False

    def follow(self, name: str) -> "Future[None]":
        """Follows a name from now on. Done when the server first answered for it, or could not be asked.

        Who waits for it in vain sets its result, so that nobody waits again.
        """
        first = self._asked.get(name)
        if first is None:
            with self._lock:
                first = self._asked.setdefault(name, Future())
                if self._closed:
                    settle(first)
                else:
                    self._wake()
        return first

    def close(self) -> None:
        """Ends the connection and the thread."""
        with self._lock:
            self._closed = True
            thread = self._thread
            if thread is not None:
                self._wake()
        if thread is not None:
            self._call_off()
            thread.join(timeout=2.0)

    def _wake(self) -> None:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._changed = asyncio.Event()
            self._thread = threading.Thread(target=self._run, args=(self._loop,), name="ratchet-stream", daemon=True)
            self._thread.start()
            self._call_off = at_exit(self.close)
        with contextlib.suppress(RuntimeError):  # the loop ended: nothing is left to wake
            self._loop.call_soon_threadsafe(self._changed.set)

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            loop.run_until_complete(self._follow_all())
        finally:
            for first in self._asked.values():
                settle(first)
            loop.close()

    async def _follow_all(self) -> None:
        """Asks once for each new name, and listens anew whenever the names change; until closed."""
        names: frozenset[str] = frozenset()
        fetching: list[asyncio.Task[None]] = []
        listening: asyncio.Task[None] | None = None
        async with self._new_client() as client:
            while not self._closed:
                self._changed.clear()
                asked = dict(self._asked)
                fetching += [
                    asyncio.create_task(self._first(client, name, asked[name])) for name in asked.keys() - names
                ]
                names = frozenset(asked)
                await _cancelled(listening)
                listening = asyncio.create_task(self._listen(client, names))
                await self._changed.wait()
            for task in (*fetching, listening):
                await _cancelled(task)

    async def _listen(self, client: httpx.AsyncClient, names: frozenset[str]) -> None:
        """Takes what is pushed for these names; comes back after every failure."""
        loop, attempt = asyncio.get_running_loop(), 0
        while True:
            began = loop.time()
            try:
                await self._know_keys(client)
                await self._take_pushed(client, names)
            except Exception as error:  # whatever it is, the thread must come back
                log.info("ratchet: prompts stay as they are: %s", type(error).__name__)
            attempt = 1 if loop.time() - began > _LASTING else attempt + 1
            await asyncio.sleep(pause(min(attempt, _MOST_DOUBLINGS)))

    async def _first(self, client: httpx.AsyncClient, name: str, first: "Future[None]") -> None:
        try:
            await self._know_keys(client)
            answer = await client.get(f"/v1/prompts/{quote(name, safe='')}")
            if answer.status_code == 200:
                self._shelf.take(answer.json(), frozenset({name}))
        except Exception as error:  # whatever it is, the default serves
            log.info("ratchet: the default is served: %s", type(error).__name__)
        finally:
            settle(first)

    async def _know_keys(self, client: httpx.AsyncClient) -> None:
        """Pins the server's keys where the app named none. Raises httpx.HTTPError or ValueError."""
        if self._shelf.trusts_keys:
            return
        answer = await client.get("/v1/signing-keys")
        answer.raise_for_status()
        try:
            keys = trusted_keys([str(entry["public_key"]) for entry in answer.json()["keys"]])
        except (KeyError, TypeError) as error:
            raise ValueError("no signing keys") from error
        self._shelf.pin(keys)

    async def _take_pushed(self, client: httpx.AsyncClient, names: frozenset[str]) -> None:
        timeout = httpx.Timeout(self._options.timeout, read=self._options.silence)
        params, me = {"names": ",".join(sorted(names))}, {"x-ratchet-instance": self._name}
        async with aconnect_sse(client, "GET", "/v1/stream", params=params, headers=me, timeout=timeout) as source:
            source.response.raise_for_status()
            async for event in source.aiter_sse():
                if event.event == "prompt":
                    self._shelf.take(json.loads(event.data), names)


def instance_name() -> str:
    """How people see a client where they look who serves what: host, process id, and what tells apart two in one."""
    host = re.sub(r"[^A-Za-z0-9.-]", "-", socket.gethostname())[:80]
    return f"{host}-{os.getpid()}-{secrets.token_hex(2)}"


def settle(first: "Future[None]") -> None:
    """Ends the wait for a first answer; nothing happens if it ended before."""
    with contextlib.suppress(InvalidStateError):
        first.set_result(None)


async def _cancelled(task: "asyncio.Task[None] | None") -> None:
    if task is not None:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
