"""The worker of an app: answers the cases of evaluations with the app's own function."""

import asyncio
import contextlib
import logging
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import httpx

from ratchet.client.prompt_refresh import instance_name
from ratchet.client.threads import DaemonThreads, ExitHook
from ratchet.client.worker.evaluation_api import EvaluationApi
from ratchet.client.worker.function_threads import FunctionRunner
from ratchet.client.worker.server_outages import Report
from ratchet.client.worker.worker_loops import WorkerLoops
from ratchet.client.worker.worker_settings import WorkerCounters, WorkerSettings
from ratchet.errors import ConfigurationError
from ratchet.prompt import prompt_name
from ratchet.sanitize import visible

log = logging.getLogger("ratchet")

_GRACE_S = 5.0
_AT_EXIT_S = 0.5


def _log_line(text: str) -> None:
    log.info("ratchet: evaluation worker: %s", visible(text))


class EvaluationWorker:
    """Leases cases, calls the function for each, and sends its answers. Any number of workers share the cases.

    A worker runs once: create another one to run again. `counters` are current at any time.
    """

    def __init__(
        self,
        connect: Callable[[], httpx.AsyncClient],
        runner: FunctionRunner,
        settings: WorkerSettings,
        prompts: Sequence[str] | None = None,
        report: Report = _log_line,
    ) -> None:
        """`prompts`: names of the prompts whose evaluations the function can answer; None: all.

        Raises ConfigurationError, or PromptError for a name.
        """
        if not 1 <= settings.concurrency <= 256:
            raise ConfigurationError("concurrency must be 1 to 256")
        if isinstance(prompts, str):
            raise ConfigurationError("prompts must be a list of names, not one text")
        self._connect, self._runner, self._settings, self._show = connect, runner, settings, report
        self._prompts = None if prompts is None else [prompt_name(name) for name in prompts]
        self.counters = WorkerCounters()
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._stopped = self._started = False
        self._grace_s = _GRACE_S
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self._exit_hook = ExitHook(lambda: self.stop(_AT_EXIT_S))

    def run(self) -> None:
        """Work until `stop`, SIGINT or SIGTERM (in the main thread), which let the calls that run end for 5 seconds.

        Blocks. Raises WorkerRefused if the key lacks the scope; after 15 seconds, WorkerRefused if the key or the
        address is wrong, or ServerUnreachable if the server never responds; HangingFunction if too many calls hang. An
        outage of the server raises nothing.
        """
        self._begin()
        self._work(self._settings)

    def start(self) -> None:
        """Do the work of `run` in a daemon thread. It never gives up; a fault is logged."""
        self._begin()
        self._thread = threading.Thread(target=self._work_in_thread, name="ratchet-worker", daemon=True)
        self._exit_hook.register()
        self._thread.start()

    def stop(self, timeout: float = _GRACE_S) -> bool:
        """Lease nothing more, let the calls that run end for up to `timeout` seconds, and stop; False if it continues.

        What is not answered then is leased by another worker after 30 seconds. Blocks; may be called repeatedly.
        """
        self._exit_hook.unregister()
        self._grace_s = timeout
        if not self._started:
            self._stopped = True
            return True
        self._request_stop()
        return self._ended.wait(timeout + 1.0)

    def _begin(self) -> None:
        with self._lock:
            if self._started:
                raise ConfigurationError("a worker runs once: create another one")
            self._started = True

    def _work_in_thread(self) -> None:
        try:
            self._work(replace(self._settings, patience_s=None))
        except Exception as error:  # nobody else would learn of it
            log.error("ratchet: the evaluation worker has ended: %s", visible(f"{type(error).__name__}: {error}"))

    def _report(self, text: str) -> None:
        with contextlib.suppress(Exception):  # a log handler of the app's
            self._show(text)

    def _work(self, settings: WorkerSettings) -> None:
        try:
            with asyncio.Runner() as runner:
                runner.run(self._serve(settings))
        finally:
            self._runner.close()
            self._ended.set()

    async def _serve(self, settings: WorkerSettings) -> None:
        loop = asyncio.get_running_loop()
        loop.set_default_executor(DaemonThreads())
        with self._lock:
            self._loop, self._stopping = loop, asyncio.Event()
            if self._stopped:
                self._stopping.set()
        async with self._connect() as client:
            api = EvaluationApi(client, instance_name(), self._prompts)
            loops = WorkerLoops(api, self._runner, settings, self.counters, self._report)
            with self._stop_by_signal(loop):
                await loops.run(self._stopping, lambda: self._grace_s)

    def _request_stop(self) -> None:
        with self._lock:
            self._stopped = True
            if self._loop is not None and self._stopping is not None:
                with contextlib.suppress(RuntimeError):  # it has ended
                    self._loop.call_soon_threadsafe(self._stopping.set)

    @contextmanager
    def _stop_by_signal(self, loop: asyncio.AbstractEventLoop) -> Iterator[None]:
        """Stop at SIGINT and SIGTERM in the block, in the main thread, and where the platform can."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        numbers = (signal.SIGINT, signal.SIGTERM)
        former = [signal.getsignal(number) for number in numbers]
        with contextlib.suppress(NotImplementedError):  # Windows
            for number in numbers:
                loop.add_signal_handler(number, self._request_stop)
        try:
            yield
        finally:
            with contextlib.suppress(NotImplementedError):
                for number, handler in zip(numbers, former, strict=True):
                    loop.remove_signal_handler(number)
                    signal.signal(number, signal.SIG_DFL if handler is None else handler)
