"""Duration of a halt under each load that used to delay the kill switch, with the limit of 2 s.

`python -m benchmarks.halt [--halts 200] [--load NAME]`: `ratchet-local` as a process; each halt uses a new connection
and is measured from connecting to the response; the load is in another process. `refused` counts responses other than
200: with a read-only database all of them must be, within the limit.
"""

import argparse
import asyncio
import math
import multiprocessing
import os
import signal
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from multiprocessing.synchronize import Event
from pathlib import Path

from benchmarks import halt_loads
from benchmarks.audit import extend_chain
from benchmarks.halt_loads import Keys, Load
from benchmarks.termination import exit_on_sigterm
from gatekeeper.domain.signer import Signer
from ratchet_local.postgres import Postgres
from tests.support.local import LocalRunner

_LIMIT_S = 2.0
_ENTRIES = 100_000
_WARM_UP_S = 2.0
LOADS: dict[str, Load] = {
    "idle": halt_loads.idle,
    "texts": halt_loads.texts,
    "verifications": halt_loads.verifications,
    "slow clients": halt_loads.slow_clients,
    "streams": halt_loads.streams,
    "locked": halt_loads.locked,
    "read-only": halt_loads.read_only,
    "redis silent": halt_loads.idle,
}


def measure(runner: LocalRunner, halts: int) -> tuple[list[float], int]:
    """Return the seconds of each halt, sorted, and how many were rejected. The resumes are not measured."""
    keys, seconds, refused = runner.credentials, [], 0
    for _ in range(halts):
        began = time.perf_counter()
        try:
            status = runner.post("/v1/halt", {"reason": "benchmark"}, keys["maker_key"])[0]
        except OSError:  # no response within 10 s
            status = 0
        seconds.append(time.perf_counter() - began)
        refused += status != 200
        if status == 200:
            _resume(runner, keys)
    return sorted(seconds), refused


def _resume(runner: LocalRunner, keys: Keys) -> None:
    with suppress(OSError):
        runner.post("/v1/resume", {"reason": "benchmark"}, keys["reviewer_key"])


@contextmanager
def load_running(load: Load, runner: LocalRunner, dsn: str) -> Iterator[None]:
    """Run the load in a process that ends with the block."""
    context = multiprocessing.get_context("spawn")
    begun = context.Event()
    process = context.Process(target=_run, args=(load, runner.url, runner.credentials, dsn, begun))
    process.start()
    try:
        begun.wait()
        time.sleep(_WARM_UP_S)
        yield
    finally:
        process.kill()
        process.join()


def _run(load: Load, url: str, keys: Keys, dsn: str, begun: Event) -> None:
    asyncio.run(load(url, keys, dsn, begun.set))


@contextmanager
def _stopped(runner: LocalRunner) -> Iterator[None]:
    """Pause Valkey, so that it accepts connections and does not respond."""
    [valkey] = [process for process in runner.family() if process.name() == "valkey-server"]
    valkey.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        valkey.send_signal(signal.SIGCONT)


def report(name: str, seconds: list[float], refused: int) -> str:
    p50, p99 = statistics.median(seconds), seconds[math.ceil(0.99 * len(seconds)) - 1]
    figures = f"{len(seconds):>5} {1000 * p50:>8.0f} {1000 * p99:>8.0f} {1000 * seconds[-1]:>8.0f}"
    return f"{name:<14} {figures} {p99 / _LIMIT_S:>9.2f} {refused:>8} {os.getloadavg()[0]:>6.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--halts", type=int, default=200)
    parser.add_argument("--load", choices=LOADS, action="append")
    options = parser.parse_args()
    print(
        f"{'load':<14} {'halts':>5} {'p50 ms':>8} {'p99 ms':>8} {'max ms':>8} {'of limit':>9} {'refused':>8} load avg"
    )
    with tempfile.TemporaryDirectory(prefix="ratchet-halt-") as folder, ExitStack() as stack:
        runner = LocalRunner(Path(folder) / "data")
        stack.callback(runner.stop_all)
        runner.start(120)
        dsn = Postgres(runner.folder / "postgres", Path(folder) / "unused.log").dsn()
        signer = Signer((runner.folder / "secrets" / "signing.key").read_text().strip())
        asyncio.run(extend_chain(dsn, signer, "default", _ENTRIES))
        for name in options.load or LOADS:
            with ExitStack() as running:
                running.enter_context(load_running(LOADS[name], runner, dsn))
                if name == "redis silent":
                    running.enter_context(_stopped(runner))
                seconds, refused = measure(runner, options.halts)
            if name == "read-only":
                asyncio.run(halt_loads.set_read_only(dsn, False))
            print(report(name, seconds, refused), flush=True)


if __name__ == "__main__":
    exit_on_sigterm()
    main()
