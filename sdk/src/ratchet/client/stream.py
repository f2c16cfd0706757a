"""The background thread that keeps prompts current. Not started before the first name is asked for."""

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
from ratchet.client.subscriber import LiveSubscriber, Transport, wait_for_result
from ratchet.client.threads import DaemonThreads

log = logging.getLogger("ratchet")


class SubscriberThread:
    """Fetches and follows prompts."""

    def __init__(
        self, options: Options, shelf: PromptCache, client: Transport, on_start: Callable[[], None] = lambda: None
    ) -> None:
        """`on_start` is called before the thread is started."""
        self._on_start = on_start
        self._lock = threading.RLock()  # a log handler of the app's may ask for a prompt itself
        self._asked: dict[str, Future[None]] = {}
        self._listener = LiveSubscriber(options, shelf, client, instance_name(), self._asked)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._closed = self._warned = False

    def follow(self, name: str) -> "Future[None]":
        """Follows a name from now on. Done when the server first answered for it, or could not be asked.

        Who waits for it in vain sets its result, so that nobody waits again. `name` is a `prompt_name`.
        """
        first = self._asked.get(name)
        if first is None or self._thread is None:
            with self._lock:
                first = self._asked.setdefault(name, Future())
                if self._closed or not self._start():
                    wait_for_result(first)
                else:
                    self._wake()
        return first

    def stop(self) -> None:
        """Lets the connection and the thread end; does not wait for that."""
        with self._lock:
            self._closed = True
            if self._thread is not None:
                self._listener.closed = True
                self._wake()

    def join(self, timeout: float) -> None:
        """Waits for the thread's end."""
        if self._thread is not None:
            self._thread.join(timeout)

    def _wake(self) -> None:
        with contextlib.suppress(RuntimeError):  # the loop ended: nothing is left to wake
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._listener.changed.set)

    def _start(self) -> bool:
        """Whether the thread runs. Where the machine has none to spare, the next `follow` tries again."""
        if self._thread is None:
            self._on_start()
            try:
                self._loop, self._thread = self._started()
            except (RuntimeError, OSError) as error:
                self._warn_no_thread(error)
        return self._thread is not None

    def _started(self) -> tuple[asyncio.AbstractEventLoop, threading.Thread]:
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
            loop.run_until_complete(self._listener.follow_all())
        finally:
            self._listener.settle_all()
            loop.close()

    def _warn_no_thread(self, error: Exception) -> None:
        if not self._warned:
            self._warned = True
            log.warning("ratchet: defaults serve for now, because no thread can be started: %s", error)


def instance_name() -> str:
    """How people see a client where they look who serves what: host, process id, and what tells apart two in one."""
    host = re.sub(r"[^A-Za-z0-9.-]", "-", socket.gethostname())[:80]
    return f"{host}-{os.getpid()}-{secrets.token_hex(2)}"
