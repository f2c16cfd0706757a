"""Processes that run the app's function (POSIX). A hanging or dying one is replaced, so an evaluation always ends."""

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import IO, Any, Self

from ratchet.client.worker.leased_tasks import CallResult, failed_call
from ratchet.prompt import Json, Prompt
from ratchet_evaluation.domain.answers import AppAnswer, failed_answer, parse_answer
from ratchet_evaluation.domain.case_fields import CaseError
from ratchet_evaluation.domain.cases import GoldenCase

_START_S = 120.0
"""Time in which the app's module must be imported."""
_EXIT_S = 2.0
_MAX_ANSWER = 10_000_000
"""Bytes of an answer; a longer one is invalid."""
_CHUNK = 65536


class UnusableWorker(Exception):
    """The app's function can't be imported; the message says why."""


class WorkerProcess:
    """One process and its children. `answer` blocks for at most the time-out; after it, or a crash, it is gone."""

    def __init__(self, function: str) -> None:
        """Start the process and wait for the import of the app. Raises UnusableWorker."""
        command = [sys.executable, "-m", "ratchet_evaluation.worker_process", function]
        self._process = subprocess.Popen(  # noqa: S603
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, start_new_session=True
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._stdin, self._stdout = self._process.stdin, self._process.stdout
        os.set_blocking(self._stdin.fileno(), False)
        self._received = b""
        try:
            greeting = self._read_line(time.monotonic() + _START_S)
        except (TimeoutError, EOFError, ValueError) as error:
            self.close()
            raise UnusableWorker(f"{function}: the process did not start: {error}") from None
        if "ready" not in greeting:
            self.close()
            raise UnusableWorker(f"{function}: {greeting.get('unusable')}")

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def answer(self, request: Mapping[str, Json], timeout_s: float) -> CallResult:
        """Return the answer of the app's function, or why there is none."""
        deadline = time.monotonic() + timeout_s
        try:
            self._send(json.dumps(request).encode() + b"\n", deadline)
            return _result(self._read_line(deadline))
        except TimeoutError:
            self.close()
            return failed_call("timeout", f"no answer within {timeout_s:g} s")
        except (EOFError, BrokenPipeError):
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_EXIT_S)  # its pipes close a moment before it has an exit code
            self.close()
            return failed_call("crash", f"the process ended with exit code {self._process.returncode}")
        except ValueError as error:
            self.close()
            return failed_call("invalid", str(error))

    def kill(self) -> None:
        """Kill the process and its children; a thread that waits for its answer continues."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def close(self) -> None:
        """Kill the process and its children, and wait for its end."""
        if self.alive:
            self.kill()
        self._process.wait()
        self._stdin.close()
        self._stdout.close()

    def _send(self, request: bytes, deadline: float) -> None:
        """Write a request. Raises TimeoutError, or BrokenPipeError if the process is gone."""
        while request:
            _wait_until_ready(self._stdin, selectors.EVENT_WRITE, deadline)
            request = request[os.write(self._stdin.fileno(), request[:_CHUNK]) :]

    def _read_line(self, deadline: float) -> dict[str, Any]:
        """Return the next line as JSON. Raises TimeoutError, EOFError, or ValueError for a line that is too long."""
        while b"\n" not in self._received:
            _wait_until_ready(self._stdout, selectors.EVENT_READ, deadline)
            chunk = os.read(self._stdout.fileno(), _CHUNK)
            if not chunk:
                raise EOFError("the process ended")
            self._received += chunk
            if len(self._received) > _MAX_ANSWER:
                raise ValueError(f"the answer is longer than {_MAX_ANSWER:,} bytes")
        line, self._received = self._received.split(b"\n", 1)
        found: dict[str, Any] = json.loads(line)
        return found


def _wait_until_ready(stream: IO[bytes], event: int, deadline: float) -> None:
    """Wait until a pipe can be read or written. Raises TimeoutError at the deadline (of the monotonic clock)."""
    with selectors.DefaultSelector() as selector:
        selector.register(stream, event)
        if not selector.select(max(0.0, deadline - time.monotonic())):
            raise TimeoutError("no answer in time")


class WorkerPool:
    """`size` processes that answer cases side by side. Use as a context manager, which ends them all."""

    def __init__(self, function: str, size: int, timeout_s: float) -> None:
        self._function, self._timeout_s = function, timeout_s
        self._threads = ThreadPoolExecutor(size, "ratchet-worker")
        self._lock = threading.Lock()
        self._idle: list[WorkerProcess] = []
        self._busy: set[WorkerProcess] = set()
        self._closed = False

    def __enter__(self) -> Self:
        """Start the first process. Raises UnusableWorker, before any case is asked."""
        self._idle.append(WorkerProcess(self._function))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._closed = True
            for busy in self._busy:
                busy.kill()
        self._threads.shutdown(cancel_futures=True)
        for worker in self._idle:
            worker.close()

    def submit(self, prompt: Prompt, case: GoldenCase, repeat: int) -> Future[AppAnswer]:
        """Queue a case; return its future answer. Errors of the app become failed answers: the future never raises."""
        return self._threads.submit(
            self._ask_case, {"prompt": prompt.to_dict(), "case": {**case.asked, "repeat": repeat}}
        )

    def submit_request(self, request: Mapping[str, Json]) -> Future[CallResult]:
        """Queue a request with `prompt`, `case` and optionally `name`; the future has what the function returned."""
        return self._threads.submit(self._ask, request)

    def _ask_case(self, request: Mapping[str, Json]) -> AppAnswer:
        return _app_answer(self._ask(request))

    def _ask(self, request: Mapping[str, Json]) -> CallResult:
        try:
            worker = self._reserve()
        except UnusableWorker as error:  # it could be imported before: the machine is at its limits
            return failed_call("crash", str(error))
        answer = worker.answer(request, self._timeout_s)
        with self._lock:
            self._busy.discard(worker)
            if worker.alive:
                self._idle.append(worker)
        return answer

    def _reserve(self) -> WorkerProcess:
        """Return an idle process or a new one. Raises UnusableWorker, also after the pool was closed."""
        with self._lock:
            worker = self._idle.pop() if self._idle else None
        worker = worker or WorkerProcess(self._function)
        with self._lock:
            self._busy.add(worker)
            if self._closed:
                worker.kill()
        return worker


def _result(message: Mapping[str, Any]) -> CallResult:
    """Return the answer in a message of the process."""
    failure = message.get("failure")
    if failure:
        return failed_call(failure["kind"], failure["message"], message.get("ms"))
    return CallResult(message["returned"], ms=message.get("ms"))


def _app_answer(result: CallResult) -> AppAnswer:
    """Return the answer that a call's result is."""
    if result.failure is not None:
        return failed_answer(*result.failure, result.ms)
    try:
        return parse_answer(result.returned, result.ms)
    except CaseError as error:
        return failed_answer("invalid", f"the returned value: {error}", result.ms)
