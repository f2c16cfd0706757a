"""The end of background threads when the interpreter exits."""

import atexit
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any


class ExitHook:
    """Calls `close` when the interpreter exits, if `register` was called and `unregister` was not.

    A forked child inherits the registration, but not the threads: only the process that made the hook closes.
    """

    def __init__(self, close: Callable[[], object]) -> None:
        self._close, self._pid = close, os.getpid()
        self._registered = False

    def register(self) -> None:
        """Call `close` at exit. Repeated calls change nothing."""
        if not self._registered:
            self._registered = True
            atexit.register(self._close_own)

    def unregister(self) -> None:
        """Forget a `close` that was called before the exit."""
        atexit.unregister(self._close_own)

    def _close_own(self) -> None:
        if os.getpid() == self._pid:
            self._close()


class DaemonThreads(ThreadPoolExecutor):
    """An executor for an event loop, which resolves host names in it: one daemon thread per call.

    The interpreter joins the threads of an ordinary executor at exit, and a name server that does not answer takes
    long to time out.
    """

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        """Run the call in a new thread. Raises RuntimeError where no thread can be started."""
        future: Future[Any] = Future()
        future.set_running_or_notify_cancel()

        def run() -> None:
            try:
                result = fn(*args, **kwargs)
            except BaseException as error:
                future.set_exception(error)
            else:
                future.set_result(result)

        threading.Thread(target=run, name="ratchet-lookup", daemon=True).start()
        return future
