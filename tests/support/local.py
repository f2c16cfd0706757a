"""The local runner as a process."""

import contextlib
import json
import signal
import sys
import urllib.error
import urllib.request
from pathlib import Path

import psutil

from ratchet_local import process
from ratchet_local.ports import free_port
from tests.support.eventually import PATIENCE_S
from tests.support.fork_server import StartProcess
from tests.support.uninstrumented import environment_without_coverage

_STOP_S = 180.0


class LocalRunner:
    """`ratchet-local` on the data in `folder`, with its `demo` if that is set. It keeps its port over restarts.

    `fork_server.start` as `start_process` saves the 2 s of imports; its processes have no exit code.
    """

    def __init__(self, folder: Path, port: int | None = None, start_process: StartProcess = process.start) -> None:
        self.folder = folder
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.demo = "0"
        self._start_process = start_process
        self._process: psutil.Process | None = None

    @property
    def command(self) -> list[str]:
        words = ["--port", str(self.port), "--data", str(self.folder), "--demo", self.demo]
        return [sys.executable, "-m", "ratchet_local.main", *words]

    @property
    def output(self) -> str:
        """Return the terminal output."""
        return (self.folder.parent / "terminal.txt").read_text()

    @property
    def credentials(self) -> dict[str, str]:
        kept: dict[str, str] = json.loads((self.folder / "credentials.json").read_text())
        return kept

    def start(self, within: float = 180.0) -> None:
        """Start the runner and wait until it is ready.

        Raises StartFailed with the terminal output if it exits, or is not ready in time; it is stopped then.
        """
        terminal = self.folder.parent / "terminal.txt"
        self._process = self._start_process(self.command, terminal, environment_without_coverage(PYTHONUNBUFFERED="1"))
        try:
            process.wait_until(self._ready, self._process, terminal, within)
        except BaseException:
            with contextlib.suppress(psutil.Error):
                self._process.terminate()
                self._process.wait(_STOP_S)
            raise

    def family(self) -> list[psutil.Process]:
        """Return the runner and every process that it started."""
        assert self._process is not None
        return [self._process, *self._process.children(recursive=True)]

    def kill(self) -> None:
        """Send SIGKILL to the runner only: its servers continue to run, as after a crash."""
        self._end(signal.SIGKILL)

    def stop(self, how: int = signal.SIGTERM) -> int | None:
        """Stop the runner as an operator would. Return its exit code; None if it was forked."""
        return self._end(how)

    def stop_all(self) -> None:
        """Stop everything at the end of a test, including servers left behind by a killed runner."""
        if self._process is None:
            self.start()
        self.stop()

    def _end(self, how: int) -> int | None:
        assert self._process is not None
        with contextlib.suppress(psutil.NoSuchProcess):  # it has exited
            self._process.send_signal(how)
        code = self._process.wait(_STOP_S)
        self._process = None
        return code

    def _ready(self) -> bool:
        try:
            return self.get("/health/ready")[0] == 200
        except OSError:
            return False

    def get(self, path: str, key: str = "") -> tuple[int, bytes]:
        """Return status and body, also of errors."""
        return self._send(urllib.request.Request(self.url + path, headers=_bearer(key)))

    def post(self, path: str, body: object, key: str) -> tuple[int, bytes]:
        headers = {"content-type": "application/json", **_bearer(key)}
        return self._send(urllib.request.Request(self.url + path, json.dumps(body).encode(), headers))

    def _send(self, request: urllib.request.Request) -> tuple[int, bytes]:
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()


def _bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"} if key else {}
