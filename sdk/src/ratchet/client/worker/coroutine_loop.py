"""An event loop in a daemon thread, for the coroutines of an app's async function."""

import asyncio
import contextlib
import threading
from collections.abc import Awaitable
from concurrent.futures import CancelledError, Future
from typing import Any


class LoopCall:
    """An awaitable that runs in a loop; `future` has its result once it has really ended."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.future: Future[Any] = Future()
        self._loop = loop
        self._task: asyncio.Future[Any] | None = None
        self._cancelled = False

    def start(self, awaitable: Awaitable[Any]) -> None:
        """Start it; runs in the loop."""
        self._task = asyncio.ensure_future(awaitable, loop=self._loop)
        self._task.add_done_callback(self._copy_result)
        if self._cancelled:
            self._task.cancel()

    def cancel(self) -> None:
        """Ask it to end, from another thread."""
        self._cancelled = True
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(lambda: self._task and self._task.cancel())

    def _copy_result(self, task: "asyncio.Future[Any]") -> None:
        if task.cancelled():
            self.future.set_exception(CancelledError())
        elif (error := task.exception()) is not None:
            self.future.set_exception(error)
        else:
            self.future.set_result(task.result())


class CoroutineLoop:
    """Runs awaitables concurrently until it is closed, or retired and idle."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._calls: set[LoopCall] = set()
        self._retired = self._ended = False
        threading.Thread(target=self._run, name="ratchet-worker-loop", daemon=True).start()

    def submit(self, awaitable: Awaitable[Any]) -> LoopCall:
        """Start an awaitable in the context of the calling thread. Raises RuntimeError if the loop has ended."""
        call = LoopCall(self._loop)

        def begin() -> None:
            self._calls.add(call)
            call.future.add_done_callback(lambda _: self._finish(call))
            call.start(awaitable)

        self._loop.call_soon_threadsafe(begin)
        return call

    def retire(self) -> None:
        """End once the calls that run have ended."""
        self._retired = True
        self._call_soon(self._end_if_idle)

    def close(self) -> None:
        """Cancel the calls that run, and end after them."""
        self._retired = True

        def cancel_all() -> None:
            for call in self._calls:
                call.cancel()
            self._end_if_idle()

        self._call_soon(cancel_all)

    def _call_soon(self, function: Any) -> None:
        with contextlib.suppress(RuntimeError):  # it has ended
            self._loop.call_soon_threadsafe(function)

    def _finish(self, call: LoopCall) -> None:
        self._calls.discard(call)
        self._end_if_idle()

    def _end_if_idle(self) -> None:
        if self._retired and not self._calls:
            self._ended = True
            self._loop.stop()

    def _run(self) -> None:
        while not self._ended:
            with contextlib.suppress(BaseException):  # asyncio passes on the SystemExit of a coroutine
                self._loop.run_forever()
        self._loop.close()
