"""A benchmark that gets SIGTERM, as from `timeout`, ends what it started."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.driver import ROOT

_BENCHMARK = """
import sys
from pathlib import Path
from benchmarks.termination import exit_on_sigterm

exit_on_sigterm()
try:
    print("started", flush=True)
    sys.stdin.readline()
finally:
    print("stopping", flush=True)
    sys.stdin.readline()
    Path(sys.argv[-1]).with_name("ended").touch()
"""
_DRIVER = """
import sys
from pathlib import Path
from benchmarks.driver import run_benchmark
from benchmarks.termination import exit_on_sigterm

exit_on_sigterm()
run_benchmark("endless", Path(sys.argv[1]))
"""
_ENDLESS = """
import sys
from pathlib import Path
from benchmarks.termination import exit_on_sigterm

exit_on_sigterm()
try:
    print("started", flush=True)
    sys.stdin.readline()
finally:
    Path("ended").touch()
"""


def start(code: str, argument: Path) -> "subprocess.Popen[str]":
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [sys.executable, "-c", code, str(argument)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env=environment,
    )  # fmt: skip


def read_line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


@pytest.mark.timeout(60)
def test_second_sigterm_does_not_interrupt_the_cleanup(tmp_path: Path) -> None:
    with start(_BENCHMARK, tmp_path / "unused") as process:
        assert read_line(process) == "started"
        process.terminate()
        assert read_line(process) == "stopping"
        process.terminate()
        process.communicate("\n")
        assert process.returncode == 128 + signal.SIGTERM
    assert (tmp_path / "ended").exists()


@pytest.mark.timeout(60)
def test_driver_ends_the_running_benchmark_and_waits_for_it(tmp_path: Path) -> None:
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "benchmarks" / "endless.py").write_text(_ENDLESS)
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "python").symlink_to(sys.executable)
    with start(_DRIVER, tmp_path) as driver:
        assert read_line(driver) == "started"
        driver.terminate()
        driver.wait()
        assert (tmp_path / "ended").exists()
        assert driver.returncode == 128 + signal.SIGTERM
