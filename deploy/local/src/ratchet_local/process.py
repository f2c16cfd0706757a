"""Server processes: start in their own session, find by pid, wait, terminate."""

import contextlib
import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import psutil

_POLL_SECONDS = 0.01
_KILLED_WITHIN_S = 60.0
"""A killed process is gone after milliseconds, but on a busy machine after seconds."""


class StartFailed(RuntimeError):
    """A server did not come up. The message names it and carries the end of its log."""


def start(command: Sequence[str], log: Path, env: Mapping[str, str] | None = None) -> psutil.Process:
    """Start `command` in a new session, so that Ctrl-C in a terminal reaches only its starter.

    Its output is appended to `log`. Without `env` it inherits the environment.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    appending = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    pid = os.posix_spawnp(
        command[0],
        list(command),
        os.environ if env is None else env,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(log), appending, 0o644),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setsid=True,
    )
    return psutil.Process(pid)


def find(pid: int, *words: str) -> psutil.Process | None:
    """Return the running process `pid` if its command line has all `words`, because pids are reused."""
    try:
        process = psutil.Process(pid)
        line = " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return None
    return process if is_alive(process) and all(word in line for word in words) else None


def is_alive(process: psutil.Process) -> bool:
    """Return whether a process runs; False also for one that ended and was not waited for, or ends right now."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:  # it ended between the two questions
        return False


def recorded_pid(file: Path) -> int | None:
    """Return the pid in the first line of a pid file; None if there is none."""
    try:
        return int(file.read_text().split("\n", 1)[0])
    except (FileNotFoundError, ValueError):
        return None


def end(process: psutil.Process, how: int = signal.SIGTERM, grace: float = 10.0) -> None:
    """Send the signal `how`, and SIGKILL to what still runs `grace` seconds later. Returns when it is gone."""
    with contextlib.suppress(psutil.NoSuchProcess):  # it ended meanwhile
        process.send_signal(how)
        try:
            process.wait(grace)
        except psutil.TimeoutExpired:
            process.kill()
            process.wait(_KILLED_WITHIN_S)


def wait_until(ready: Callable[[], bool], process: psutil.Process, log: Path, within: float) -> None:
    """Return once `ready()` holds.

    Raises:
        StartFailed: `process` ended, or `within` seconds passed.
    """
    deadline = time.monotonic() + within
    while not ready():
        ended = not is_alive(process)
        if ended or time.monotonic() > deadline:
            why = "exited at its start" if ended else f"was not ready within {within:g} s"
            raise StartFailed(f"{log.stem} {why}; the end of {log}:\n{tail(log)}")
        time.sleep(_POLL_SECONDS)


def tail(log: Path, lines: int = 12) -> str:
    """Return the last `lines` lines of a log."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])


def is_root() -> bool:
    return os.geteuid() == 0
