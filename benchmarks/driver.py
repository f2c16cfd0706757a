"""Parts of the driver: run a benchmark in its own process, and keep results with date and commit."""

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from benchmarks.rows import Row, read_rows
from benchmarks.table import render_table

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "RESULTS.md"


def run_benchmark(name: str, root: Path = ROOT, arguments: Sequence[str] = ()) -> tuple[list[Row], int]:
    """Run a benchmark of the checkout in `root`; return its rows and its exit code."""
    python = sys.executable if root == ROOT else str(root / ".venv" / "bin" / "python")
    with tempfile.TemporaryDirectory(prefix="ratchet-rows-") as folder:
        path = Path(folder) / "rows.json"
        command = [python, "-m", f"benchmarks.{name}", "--rows", str(path), *arguments]
        with subprocess.Popen(command, cwd=root) as process:
            try:
                code = process.wait()
            except SystemExit:  # `with` waits until it has ended its servers
                process.terminate()
                raise
        return read_rows(path), code


def report(rows: Sequence[Row], commit: str, at: datetime, cores: int) -> str:
    """Return the content of RESULTS.md."""
    return (
        f"# Results\n\nWritten by `make bench SAVE=1` at {at:%Y-%m-%d %H:%M} UTC, commit {commit}, {cores} cores.\n"
        "Each line's figures are from one run: where the machine was busy, ratios and processor time hold, and rates "
        f"and\ndelays are worse than on a quiet one.\n\n{render_table(rows)}\n"
    )


def current_commit() -> str:
    """Return the short id of the commit, with a note if files differ from it."""
    head = _git("rev-parse", "--short", "HEAD")
    return head + (" with uncommitted changes" if _git("status", "--porcelain", "-uno") else "")


def _git(*words: str) -> str:
    return subprocess.run(["git", *words], cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()
