"""Calls that block, in threads that nobody waits for when the program ends."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any


class DaemonThreads(ThreadPoolExecutor):
    """An executor for an event loop, which looks up host names in it: one daemon thread a call.

    The interpreter joins the threads of an ordinary one before anything else at its end, and a name server that
    is away takes long to give up.
    """

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        """Raises RuntimeError where no thread can be started."""
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
