"""Start time of `ratchet-local`, its cost, and the use of all its processes while idle.

`python -m benchmarks.start [--rounds 3] [--idle 20]`: the first start makes database, schemas and keys, the others go
on. CPU seconds are those of all its processes, ended ones included: they hold on a busy machine. Memory is the
proportional set size (shared pages are counted once), after the start, after `idle` seconds without work, and after
1,000 feedbacks.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import psutil

from benchmarks.cpu import cpu_seconds
from benchmarks.rows import Row, add_rows_option, write_rows
from benchmarks.termination import exit_on_sigterm
from ratchet import Ratchet
from tests.support.local import LocalRunner

FIRST_S, AGAIN_S, IDLE_PERCENT, LIMIT_MB = 4.0, 2.5, 1.0, 160.0
_MEGABYTE = 1 << 20
_WARM_UP_S = 20.0
"""Seconds after the start during which idle use is not measured."""


class Round(NamedTuple):
    """The figures of one start."""

    wall: float
    cpu: float
    mb: float
    idle_percent: float
    idle_mb: float
    busy_mb: float


def memory(runner: LocalRunner) -> float:
    """Return the megabytes of all its processes."""
    return sum(process.memory_full_info().pss for process in runner.family()) / _MEGABYTE


def idle_use(runner: LocalRunner, seconds: float) -> float:
    """Return the percentage of one core that all processes use while idle."""
    time.sleep(_WARM_UP_S)
    began, before = time.monotonic(), cpu_seconds(runner.family())
    time.sleep(seconds)
    return 100 * (cpu_seconds(runner.family()) - before) / (time.monotonic() - began)


def measure(runner: LocalRunner, idle_seconds: float) -> Round:
    """Start the runner, leave it idle, send feedback, and stop it."""
    began = time.monotonic()
    runner.start()
    wall, cpu, mb = time.monotonic() - began, cpu_seconds(runner.family()), memory(runner)
    percent = idle_use(runner, idle_seconds)
    idle_mb = memory(runner)
    with Ratchet(runner.url, runner.credentials["ingest_key"]) as app:
        for _ in range(1000):
            run = app.record("bot", prompts=[{"name": "answer", "version": "1"}])
            app.feedback(run, kind="thumb", value=True)
        app.flush(60)
    busy_mb = memory(runner)
    runner.stop()
    return Round(wall, cpu, mb, percent, idle_mb, busy_mb)


def median(rounds: list[Round]) -> Round:
    """Return the median of each figure of the starts with existing data."""
    return Round(*(statistics.median(figures) for figures in zip(*(rounds[1:] or rounds), strict=True)))


def report(first: Round, again: Round) -> None:
    """Print each figure with its goal."""
    load = psutil.getloadavg()[0] / (psutil.cpu_count() or 1)
    print(f"first start          {first.wall:5.2f} s ({FIRST_S} s), {first.cpu:.2f} s CPU")
    print(f"start again          {again.wall:5.2f} s ({AGAIN_S} s), {again.cpu:.2f} s CPU")
    print(f"idle                 {again.idle_percent:5.2f} % of a core ({IDLE_PERCENT} %)")
    print(f"memory (PSS)         {again.mb:5.0f} MB at ready, {again.idle_mb:.0f} idle, {again.busy_mb:.0f} after work")
    print(f"load of the machine  {load:5.1f} per core")


def rows(first: Round, again: Round) -> list[Row]:
    """Return the rows for `make bench`."""
    return [
        Row("first start to ready", "s", first.wall, "low", limit=FIRST_S, item="start", process_s=first.cpu),
        Row("start again to ready", "s", again.wall, "low", limit=AGAIN_S, item="start", process_s=again.cpu),
        Row("idle processor time", "% of a core", again.idle_percent, "low", limit=IDLE_PERCENT),
        Row("memory idle (PSS)", "MB", again.idle_mb, "low", limit=LIMIT_MB),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--idle", type=float, default=20.0, help="seconds without work")
    add_rows_option(parser)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ratchet-bench-") as folder:
        runner = LocalRunner(Path(folder) / "data")
        try:
            rounds = [measure(runner, options.idle) for _ in range(options.rounds)]
        finally:
            runner.stop_all()
    first, again = rounds[0], median(rounds)
    report(first, again)
    write_rows(options.rows, rows(first, again))


if __name__ == "__main__":
    exit_on_sigterm()
    main()
