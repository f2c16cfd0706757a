"""The background thread that keeps prompts current; it starts with the first name."""

import asyncio
import contextlib
import logging
import os
import re
import secrets
import socket
import threading
from collections.abc import Callable
from concurrent.futures import Future

from ratchet.client.options import Options
from ratchet.client.prompt_cache import PromptCache
from ratchet.client.subscriber import LiveSubscriber, Transport, resolve
from ratchet.client.threads import DaemonThreads

log = logging.getLogger("ratchet")


class SubscriberThread:
    """The thread in which a LiveSubscriber runs."""

    def __init__(
        self, options: Options, cache: PromptCache, client: Transport, on_start: Callable[[], None] = lambda: None
    ) -> None:
        """`on_start` is called before the thread is started."""
        self._on_start = on_start
        self._cache = cache
        self._lock = threading.RLock()  # a log handler of the app may request a prompt itself
        self._asked: dict[str, Future[None]] = {}
        self._subscriber = LiveSubscriber(options, cache, client, instance_name(), self._asked)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._closed = self._warned = False
        cache.on_refusal = self._report

    def follow(self, name: str) -> "Future[None]":
        """Follow a name. The future is done when the server answered for it or can't be reached.

        A caller whose wait timed out resolves it, so that no call waits again. `name` is a `prompt_name`.
        """
        first = self._asked.get(name)
        if first is None or self._thread is None:
            with self._lock:
                if name not in self._asked:
                    self._cache.load(name)
                first = self._asked.setdefault(name, Future())
                if self._closed or not self._start():
                    resolve(first)
                else:
                    self._wake()
        return first

    def stop(self) -> None:
        """Close the connection and end the thread, without waiting."""
        with self._lock:
            self._closed = True
            if self._thread is not None:
                self._subscriber.closed = True
                self._wake()

    def join(self, timeout: float) -> None:
        """Wait for the end of the thread, for at most `timeout` seconds."""
        if self._thread is not None:
            self._thread.join(timeout)

    def _wake(self) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._subscriber.changed.set)

    def _report(self) -> None:
        """Report soon what is served; from any thread."""
        with contextlib.suppress(RuntimeError):  # the loop has ended
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._subscriber.reporter.changed.set)

    def _start(self) -> bool:
        """Start the thread if needed; return whether it runs. Otherwise the next `follow` tries again."""
        if self._thread is None:
            self._on_start()
            try:
                self._loop, self._thread = self._start_thread()
            except (RuntimeError, OSError) as error:
                self._warn_no_thread(error)
        return self._thread is not None

    def _start_thread(self) -> tuple[asyncio.AbstractEventLoop, threading.Thread]:
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=self._run, args=(loop,), name="ratchet-stream", daemon=True)
        try:
            thread.start()
        except BaseException:
            loop.close()
            raise
        return loop, thread

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            loop.set_default_executor(DaemonThreads())
            loop.run_until_complete(self._subscriber.follow_all())
        finally:
            self._subscriber.resolve_all()
            loop.close()

    def _warn_no_thread(self, error: Exception) -> None:
        if not self._warned:
            self._warned = True
            log.warning("ratchet: defaults are served now, because no thread can be started: %s", error)


def instance_name() -> str:
    """Return the name of a client in `GET /v1/instances`: host, process id, and a random part."""
    host = re.sub(r"[^A-Za-z0-9.-]", "-", socket.gethostname())[:80]
    return f"{host}-{os.getpid()}-{secrets.token_hex(2)}"
