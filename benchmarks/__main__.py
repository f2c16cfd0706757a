"""`make bench`: run every benchmark in turn, then print one table of all figures with their peers and limits.

    python -m benchmarks [--save] [NAME …]

The figures are reported, not asserted. `--save` writes the table with date and commit to benchmarks/RESULTS.md.
"""

import argparse
import os
import sys
from datetime import UTC, datetime

from benchmarks.driver import RESULTS, current_commit, report, run_benchmark
from benchmarks.rows import Row
from benchmarks.table import render_table
from benchmarks.termination import exit_on_sigterm

BENCHMARKS = (
    "start",
    "console",
    "latency",
    "ingest",
    "ingest_steps",
    "overload",
    "relay",
    "consume",
    "sdk",
    "instances",
    "growth",
    "audit",
    "backtest",
    "execution_log",
    "attribution",
    "evaluation",
    "evaluation_report",
    "annotation",
    "example_selection",
    "peers",
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)}; all without")
    parser.add_argument("--save", action="store_true", help="write the table to benchmarks/RESULTS.md")
    options = parser.parse_args()
    rows: list[Row] = []
    failed: list[str] = []
    for name in options.names or BENCHMARKS:
        print(f"\n== {name}", flush=True)
        found, code = run_benchmark(name)
        rows += found
        failed += [name] if code else []
    print(f"\n{render_table(rows)}")
    if failed:
        print(f"\nfailed: {', '.join(failed)}", file=sys.stderr)
    if options.save:
        RESULTS.write_text(report(rows, current_commit(), datetime.now(UTC), os.cpu_count() or 1))
    return len(failed)


if __name__ == "__main__":
    exit_on_sigterm()
    sys.exit(main())
