"""Threads that run the app's function. A call that hangs is answered for, and its thread left behind."""

import asyncio
import threading
from collections.abc import Awaitable
from concurrent.futures import Future
from typing import Any, Protocol

from ratchet.client.prompts import ServedPrompt
from ratchet.client.worker.coroutine_loop import CoroutineLoop, LoopCall
from ratchet.client.worker.function_calls import AnswerFunction, call_function
from ratchet.client.worker.leased_tasks import CallResult, WorkerTask, failed_call

MAX_HANGING = 16
"""Calls that may hang at a time, after their time-outs."""
_CANCEL_S = 1.0
"""Time in which a cancelled coroutine must end; else later ones get another event loop."""


class FunctionRunner(Protocol):
    """Runs the app's function."""

    @property
    def exhausted(self) -> str | None:
        """Why no more calls can be made; None if they can."""
        ...

    async def run(self, task: WorkerTask) -> CallResult:
        """Return the result of a call within its time-out; raises nothing for what the app does."""
        ...

    def close(self) -> None:
        """End what runs, without waiting for the app."""
        ...


class FunctionThreads:
    """Runs each call in a daemon thread of its own; coroutines concurrently in one event loop."""

    def __init__(self, function: AnswerFunction, timeout_s: float) -> None:
        self._function, self._timeout_s = function, timeout_s
        self._loop: CoroutineLoop | None = None
        self._lock = threading.Lock()
        self._hanging: set[Future[CallResult]] = set()

    @property
    def exhausted(self) -> str | None:
        self._hanging = {call for call in self._hanging if not call.done()}
        if len(self._hanging) < MAX_HANGING:
            return None
        return f"{len(self._hanging)} calls of the app's function hang after their time-out of {self._timeout_s:g} s"

    async def run(self, task: WorkerTask) -> CallResult:
        call = _FunctionCall(self, task)
        try:
            call.start()
        except (RuntimeError, OSError) as error:
            return failed_call("crash", f"no thread can be started: {error}")
        try:
            return await asyncio.wait_for(asyncio.wrap_future(call.future), self._timeout_s)
        except TimeoutError:
            return failed_call("timeout", f"no answer within {self._timeout_s:g} s", 1000.0 * self._timeout_s)
        finally:
            if not call.future.done():
                self._hanging.add(call.future)
                call.cancel()

    def close(self) -> None:
        with self._lock:
            loop, self._loop = self._loop, None
        if loop is not None:
            loop.close()

    def submit(self, awaitable: Awaitable[Any]) -> LoopCall:
        """Start an awaitable in the event loop, which is started at the first use."""
        with self._lock:
            self._loop = self._loop or CoroutineLoop()
            return self._loop.submit(awaitable)

    def replace_loop(self) -> None:
        """Use another event loop from now on, because a call blocks this one."""
        with self._lock:
            loop, self._loop = self._loop, None
        if loop is not None:
            loop.retire()

    def answer(self, task: WorkerTask, wait: Any) -> CallResult:
        """Return the result of a call. Whatever is raised, such as SystemExit, is the call's failure."""
        try:
            return call_function(
                self._function, ServedPrompt(task.name, task.prompt, False, task.examples), task.case, wait
            )
        except BaseException as error:
            return failed_call("error", type(error).__name__)


class _FunctionCall:
    """One call in its thread; `future` is done once the function has ended."""

    def __init__(self, threads: FunctionThreads, task: WorkerTask) -> None:
        self._threads, self._task = threads, task
        self.future: Future[CallResult] = Future()
        self._awaited: LoopCall | None = None
        self._cancelled = False

    def start(self) -> None:
        """Start the thread. Raises RuntimeError or OSError where none can be started."""
        self.future.set_running_or_notify_cancel()  # so that nobody who waits can cancel it
        threading.Thread(target=self._run, name="ratchet-worker-call", daemon=True).start()

    def cancel(self) -> None:
        """Cancel the coroutine of the call, if it has one; later calls get another loop if it does not end soon."""
        self._cancelled = True
        if self._awaited is not None:
            self._awaited.cancel()
            timer = threading.Timer(_CANCEL_S, self._check)
            timer.daemon = True
            timer.start()

    def _check(self) -> None:
        if not self.future.done():
            self._threads.replace_loop()

    def _run(self) -> None:
        self.future.set_result(self._threads.answer(self._task, self._wait))

    def _wait(self, awaitable: Awaitable[Any]) -> Any:
        self._awaited = self._threads.submit(awaitable)
        if self._cancelled:  # before the function returned its awaitable
            self._awaited.cancel()
        return self._awaited.future.result()
