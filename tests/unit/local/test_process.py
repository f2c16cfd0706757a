"""Server processes are known by pid and command line, since pids are used again."""

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
def stubborn(log: Path) -> Iterator[psutil.Process]:
    """A process that ignores SIGTERM."""
    started = process.start([sys.executable, "-c", _STUBBORN], log)
    process.wait_until(lambda: "up" in log.read_text(), started, log, within=30)
    yield started
    process.end(started, signal.SIGKILL)


def test_a_pid_counts_only_with_its_command_line(stubborn: psutil.Process) -> None:
    assert process.find(stubborn.pid, "SIG_IGN") == stubborn
    assert process.find(stubborn.pid, "postgres") is None
    process.end(stubborn, signal.SIGKILL)
    assert process.find(stubborn.pid) is None


def test_one_that_ends_while_it_is_asked_for_is_not_alive(
    stubborn: psutil.Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    def end_first(self: psutil.Process) -> bool:
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        return True

    assert process.is_alive(stubborn)
    with monkeypatch.context() as patched:
        patched.setattr(psutil.Process, "is_running", end_first)
        assert not process.is_alive(stubborn)


def test_what_does_not_end_is_killed(stubborn: psutil.Process) -> None:
    process.end(stubborn, signal.SIGTERM, grace=0.05)
    assert not stubborn.is_running()
    process.end(stubborn)  # ending twice is fine


def test_it_gets_a_session_of_its_own(stubborn: psutil.Process) -> None:
    assert os.getsid(stubborn.pid) == stubborn.pid


def test_one_that_ends_at_its_start_says_why(log: Path) -> None:
    started = process.start([sys.executable, "-c", "raise SystemExit('no room')"], log)
    with pytest.raises(process.StartFailed, match=r"(?s)server exited at its start.*no room"):
        process.wait_until(lambda: False, started, log, within=30)


def test_one_that_never_gets_ready_is_given_up(stubborn: psutil.Process, log: Path) -> None:
    with pytest.raises(process.StartFailed, match="was not ready within 0 s"):
        process.wait_until(lambda: False, stubborn, log, within=0)


def test_pid_files(tmp_path: Path) -> None:
    file = tmp_path / "pid"
    assert process.recorded_pid(file) is None
    file.write_text("")
    assert process.recorded_pid(file) is None
    file.write_text("12\nmore\n")
    assert process.recorded_pid(file) == 12


def test_an_ended_child_is_no_running_process(log: Path) -> None:
    started = process.start([sys.executable, "-c", ""], log)
    eventually_sync(lambda: process.find(started.pid) is None)
