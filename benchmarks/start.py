"""How soon `ratchet-local` is ready, and how much memory all of its processes take, beside the limits.

`python -m benchmarks.start [--rounds 3]`: the first start makes database, schemas and keys, the others go on.
Memory is the proportional set size (shared pages are counted once), after the start and 1,000 feedbacks.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from benchmarks.rows import add_rows_option
from ratchet import Ratchet
from tests.support.local import LocalRunner

LIMIT_S, LIMIT_MB = 5.0, 300.0
_MEGABYTE = 1 << 20


def memory(runner: LocalRunner) -> float:
    """Megabytes of all its processes."""
    return sum(process.memory_full_info().pss for process in runner.family()) / _MEGABYTE


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    add_rows_option(parser)
    rounds: int = parser.parse_args().rounds
    with tempfile.TemporaryDirectory(prefix="ratchet-bench-") as folder:
        runner = LocalRunner(Path(folder) / "data")
        seconds = []
        try:
            for _ in range(rounds):
                began = time.monotonic()
                runner.start()
                seconds.append(time.monotonic() - began)
                idle = memory(runner)
                with Ratchet(runner.url, runner.credentials["ingest_key"]) as app:
                    for _ in range(1000):
                        run = app.record("bot", prompts=[{"name": "answer", "version": "1"}])
                        app.feedback(run, kind="thumb", value=True)
                    app.flush(60)
                busy = memory(runner)
                runner.stop()
        finally:
            runner.stop_all()
    again = statistics.median(seconds[1:] or seconds)
    print(f"start to ready     first {seconds[0]:.1f} s, again {again:.1f} s ({again / LIMIT_S:.2f} of the limit)")
    print(f"memory (PSS)       idle {idle:.0f} MB, after work {busy:.0f} MB ({busy / LIMIT_MB:.2f} of the limit)")


if __name__ == "__main__":
    main()
