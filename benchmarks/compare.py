"""`make bench-compare BASE=commit`: processor time per item of another commit and of this checkout, run in turn.

    python -m benchmarks.compare BASE [--rounds 3] [NAME …]

The base is checked out and installed in a temporary folder, and runs its own benchmarks there. Fails if a row takes
over 10 % more processor time or instructions than at the base and the runs of both sides don't overlap. On a busy
machine they overlap more; instructions of the interpreter (`ingest_steps`) are the same in each run. Rows with neither
are left out; those that only one side has are listed.
"""

import argparse
import contextlib
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.comparison import INSTRUCTIONS, Comparison, compare_runs, missing_work
from benchmarks.driver import ROOT, run_benchmark
from benchmarks.rows import Row
from benchmarks.table import format_seconds
from benchmarks.termination import exit_on_sigterm

MEASURED = ("ingest", "ingest_steps", "relay", "consume", "sdk", "growth", "backtest", "audit")
"""Benchmarks whose rows have processor time."""

_KEPT = (".cache", ".uv")
"""Downloads that the base need not fetch again."""


@contextlib.contextmanager
def checkout(base: str) -> Iterator[Path]:
    """Check out and install `base` in a temporary folder; remove it after the block."""
    with tempfile.TemporaryDirectory(prefix="ratchet-base-") as folder:
        root = Path(folder) / "base"
        subprocess.run(["git", "worktree", "add", "--quiet", "--detach", str(root), base], cwd=ROOT, check=True)
        try:
            for name in _KEPT:
                if (ROOT / name).exists():
                    (root / name).symlink_to((ROOT / name).resolve())
            subprocess.run(["make", "--silent", "install"], cwd=root, check=True)
            yield root
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", str(root)], cwd=ROOT, check=False)


def run_alternately(base: Path, names: Sequence[str], rounds: int) -> tuple[list[list[Row]], list[list[Row]]]:
    """Run the benchmarks `rounds` times on each side, each round in the other order; return the rows by round."""
    before: list[list[Row]] = []
    after: list[list[Row]] = []
    for number in range(rounds):
        sides = [(base, before), (ROOT, after)]
        for root, runs in sides if number % 2 == 0 else reversed(sides):
            print(f"\n== round {number + 1} of {rounds}: {'base' if root == base else 'this checkout'}", flush=True)
            runs.append([row for name in names for row in _rows(name, root)])
    return before, after


def _rows(name: str, root: Path) -> list[Row]:
    rows, code = run_benchmark(name, root)
    if code:
        print(f"{name} failed", file=sys.stderr)
    return rows


def describe(comparison: Comparison) -> str:
    """Return a line: what was measured, both ranges, the ratio of the medians and the verdict."""
    ranges = (
        " to ".join(_text(comparison.part, figure) for figure in (min(figures), max(figures)))
        for figures in (comparison.before, comparison.after)
    )
    before, after = ranges
    return (
        f"{comparison.work:48} {comparison.part:12} {before:>22} → {after:>22}  {comparison.ratio:5.2f} × "
        f"{comparison.verdict()}"
    )


def _text(part: str, figure: float) -> str:
    return f"{figure:,.0f}" if part == INSTRUCTIONS else format_seconds(figure, "")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("base", help="the commit to compare with")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"benchmarks; without: {' '.join(MEASURED)}")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_intermixed_args()
    with checkout(options.base) as base:
        before, after = run_alternately(base, options.names or MEASURED, options.rounds)
    comparisons = compare_runs(before, after)
    print(*map(describe, comparisons), sep="\n")
    for work in missing_work(before, after):
        print(f"{work}: measured on one side only")
    if not comparisons:
        print("nothing to compare: the base has no rows with processor time", file=sys.stderr)
        return 2
    return int(any(comparison.verdict() == "slower" for comparison in comparisons))


if __name__ == "__main__":
    exit_on_sigterm()
    sys.exit(main())
