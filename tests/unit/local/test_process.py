"""Server processes are identified by pid and command line, since pids are reused."""

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from ratchet_local import process
from tests.support.eventually import eventually_sync

_STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log" / "server.log"


@pytest.fixture
def process_ignoring_sigterm(log: Path) -> Iterator[psutil.Process]:
    """A process that ignores SIGTERM."""
    started = process.start([sys.executable, "-c", _STUBBORN], log)
    process.wait_until(lambda: "up" in log.read_text(), started, log, within=30)
    yield started
    process.end(started, signal.SIGKILL)


def test_pid_is_valid_only_with_its_command_line(process_ignoring_sigterm: psutil.Process) -> None:
    assert process.find(process_ignoring_sigterm.pid, "SIG_IGN") == process_ignoring_sigterm
    assert process.find(process_ignoring_sigterm.pid, "postgres") is None
    process.end(process_ignoring_sigterm, signal.SIGKILL)
    assert process.find(process_ignoring_sigterm.pid) is None


def test_process_that_ends_during_the_check_is_not_alive(
    process_ignoring_sigterm: psutil.Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    def end_first(self: psutil.Process) -> bool:
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        return True

    assert process.is_alive(process_ignoring_sigterm)
    with monkeypatch.context() as patched:
        patched.setattr(psutil.Process, "is_running", end_first)
        assert not process.is_alive(process_ignoring_sigterm)


def test_process_that_does_not_end_is_killed(process_ignoring_sigterm: psutil.Process) -> None:
    process.end(process_ignoring_sigterm, signal.SIGTERM, grace=0.05)
    assert not process_ignoring_sigterm.is_running()
    process.end(process_ignoring_sigterm)  # may be called twice


def test_process_gets_its_own_session(process_ignoring_sigterm: psutil.Process) -> None:
    assert os.getsid(process_ignoring_sigterm.pid) == process_ignoring_sigterm.pid


def test_process_that_fails_to_start_reports_its_log(log: Path) -> None:
    started = process.start([sys.executable, "-c", "raise SystemExit('no room')"], log)
    with pytest.raises(process.StartFailed, match=r"(?s)server exited at its start.*no room"):
        process.wait_until(lambda: False, started, log, within=30)


def test_start_times_out(process_ignoring_sigterm: psutil.Process, log: Path) -> None:
    with pytest.raises(process.StartFailed, match="was not ready within 0 s"):
        process.wait_until(lambda: False, process_ignoring_sigterm, log, within=0)


def test_pid_files(tmp_path: Path) -> None:
    file = tmp_path / "pid"
    assert process.recorded_pid(file) is None
    file.write_text("")
    assert process.recorded_pid(file) is None
    file.write_text("12\nmore\n")
    assert process.recorded_pid(file) == 12


def test_ended_child_is_not_running(log: Path) -> None:
    started = process.start([sys.executable, "-c", ""], log)
    eventually_sync(lambda: process.find(started.pid) is None)
