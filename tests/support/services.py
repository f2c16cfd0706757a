"""A service as a process of its own, as an operator runs it: started, asked, killed, started again."""

import os
import signal
import sys
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from ratchet_local import process
from ratchet_local.ports import free_port
from tests.support.eventually import eventually_sync


@dataclass
class ServiceProcess:
    """One instance. `environment` holds its `RATCHET_…` settings; host and port are set here and stay."""

    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    port: int = field(default_factory=free_port)
    _process: psutil.Process | None = None

    @classmethod
    def of(cls, service: str, environment: Mapping[str, str], log: Path) -> "ServiceProcess":
        """The process behind `python -m <service>`."""
        return cls([sys.executable, "-m", service], environment, log)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self, within: float = 60.0) -> None:
        """Returns when it is ready. Raises RuntimeError with the end of its log where it ended instead."""
        self.launch()
        eventually_sync(self.ready, within)

    def launch(self) -> None:
        """Starts it and returns at once."""
        own = {"RATCHET_HOST": "127.0.0.1", "RATCHET_PORT": str(self.port)}
        self._process = process.start(self.command, self.log, {**os.environ, **self.environment, **own})

    def ready(self) -> bool:
        """Whether it answers and its database does."""
        if not self.alive:
            raise RuntimeError(f"{' '.join(self.command)} ended:\n{process.tail(self.log)}")
        try:
            with urllib.request.urlopen(f"{self.url}/health/ready", timeout=3) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    @property
    def alive(self) -> bool:
        return self._process is not None and process.find(self._process.pid) is not None

    def kill(self) -> None:
        """SIGKILL: no cleaning up."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """SIGTERM, and what an orchestrator does 15 s later."""
        self._end(signal.SIGTERM)

    def _end(self, how: int) -> None:
        if self._process is not None:
            process.end(self._process, how, grace=15)
        self._process = None


def run_job(command: Sequence[str], environment: Mapping[str, str], log: Path, within: float = 60.0) -> str:
    """Run a one-shot job to its end; what it printed. Raises RuntimeError where it failed."""
    job = process.start(command, log, {**os.environ, **environment})
    code = job.wait(within)
    printed = log.read_text()
    if code != 0:
        raise RuntimeError(f"{' '.join(command)} ended with {code}:\n{printed}")
    return printed
