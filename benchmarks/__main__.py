"""`make bench`: every benchmark in turn, each beside its peer or its limit. Nothing is asserted: figures are read."""

import subprocess
import sys

BENCHMARKS = ("start", "console", "latency", "ingest", "consume", "growth", "audit", "backtest", "attribution")


def main() -> int:
    failed = 0
    for name in sys.argv[1:] or BENCHMARKS:
        print(f"\n== {name}", flush=True)
        failed |= subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=False).returncode
    return failed


if __name__ == "__main__":
    sys.exit(main())
