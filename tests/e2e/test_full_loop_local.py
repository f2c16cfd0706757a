"""The full loop on `make run`: embedded broker, PostgreSQL, Valkey; also with Valkey dead or silent."""

import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from ratchet_local.process import is_alive
from tests.support import fork_server
from tests.support.full_loop import Site, go_round
from tests.support.local import LocalRunner
from tests.support.migrated_data import make_migrated


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[LocalRunner]:
    made = LocalRunner(make_migrated(tmp_path / "data"), start_process=fork_server.start)
    made.start()
    yield made
    made.stop_all()


def valkey_of(runner: LocalRunner) -> psutil.Process:
    (found,) = [process for process in runner.family() if "valkey" in process.name()]
    return found


def test_full_loop(runner: LocalRunner) -> None:
    go_round(Site(**runner.credentials))


def test_full_loop_with_redis_dead(runner: LocalRunner) -> None:
    valkey = valkey_of(runner)
    valkey.kill()
    go_round(Site(**runner.credentials))
    assert not is_alive(valkey)


def test_full_loop_with_redis_silent(runner: LocalRunner) -> None:
    """Valkey accepts connections and never responds."""
    valkey = valkey_of(runner)
    valkey.send_signal(signal.SIGSTOP)
    try:
        go_round(Site(**runner.credentials))
        assert valkey.status() == psutil.STATUS_STOPPED
    finally:
        valkey.send_signal(signal.SIGCONT)
