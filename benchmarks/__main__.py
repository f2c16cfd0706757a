"""`make bench`: run every benchmark in turn, then print one table of all figures with their peers and limits.

    python -m benchmarks [--save] [--quick] [NAME …]

The figures are reported, not asserted. `--save` writes the table with date and commit to benchmarks/RESULTS.md.
`--quick` runs each with little work, to see that all of them run.
"""

import argparse
import os
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from benchmarks.driver import RESULTS, current_commit, report, run_benchmark
from benchmarks.rows import Row
from benchmarks.table import render_table
from benchmarks.termination import exit_on_sigterm

BENCHMARKS: Mapping[str, Sequence[str]] = {
    "start": ("--rounds", "2", "--idle", "2"),
    "console": ("--rounds", "2"),
    "latency": ("--clients", "20", "--rounds", "2"),
    "ingest": ("--seconds", "1", "--connections", "64"),
    "ingest_steps": ("--rounds", "20"),
    "overload": ("--rounds", "1", "--seconds", "1"),
    "relay": ("--events", "5000"),
    "consume": ("--events", "3000"),
    "sdk": ("--pairs", "1000", "--calls", "20000"),
    "instances": ("--seconds", "1", "--events", "3000", "--rounds", "1"),
    "growth": ("--values", "5000"),
    "audit": ("--entries", "20000"),
    "backtest": ("--count", "50000"),
    "version_summary": ("--count", "200000"),
    "execution_log": ("--count", "20000"),
    "attribution": ("--streams", "5"),
    "evaluation": ("--runs", "20", "--cases", "200"),
    "evaluation_report": ("--cases", "500", "--runs", "1"),
    "rollout_verdicts": ("--runs", "2"),
    "annotation": ("--tasks", "2000", "--rounds", "10"),
    "example_selection": ("--candidates", "3000"),
    "peers": ("--seconds", "1"),
}
"""Name → arguments with which it takes seconds: they show that it runs, and its figures mean little."""
_INSTALLS = "peers"
"""It downloads 1.3 GB at its first run, so that a quick run leaves it out."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)}; all without")
    parser.add_argument("--save", action="store_true", help="write the table to benchmarks/RESULTS.md")
    parser.add_argument("--quick", action="store_true", help="little work, so that only rows count, not figures")
    options = parser.parse_args()
    if options.quick and options.save:
        parser.error("figures of --quick are not worth saving")
    rows: list[Row] = []
    failed: list[str] = []
    names = options.names or [name for name in BENCHMARKS if not options.quick or name != _INSTALLS]
    for name in names:
        print(f"\n== {name}", flush=True)
        began = time.monotonic()
        found, code = run_benchmark(name, arguments=BENCHMARKS.get(name, ()) if options.quick else ())
        print(f"{name}: {len(found)} rows in {time.monotonic() - began:.0f} s", flush=True)
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
