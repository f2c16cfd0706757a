"""Pytest processes that run at the same time, each with its own test files, reported as one run.

With pytest-xdist, each process imports and collects all files. Here each imports only its own, which halves the
processor time of tests that take milliseconds each.
"""

import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from xml.etree import ElementTree

from tests.support.requirements import ROOT

NO_TESTS = 5
"""Exit code of pytest for a run without tests: none of its files may have a test that `-k` selects."""
_FAILURE_LINES = 40
"""Number of last lines of a failure that are repeated at the end of the run."""


@dataclass(frozen=True)
class Run:
    """The arguments of one pytest process, and the JUnit report that it writes."""

    arguments: Sequence[str]
    report: Path


def share_files(files: Iterable[Path], shares: int) -> list[list[Path]]:
    """Distribute test files over `shares` lists of about equal sizes in bytes; the same files yield the same lists."""
    distributed: list[list[Path]] = [[] for _ in range(shares)]
    sizes = [0] * shares
    for file in sorted(files, key=lambda file: (-file.stat().st_size, file)):
        smallest = sizes.index(min(sizes))
        distributed[smallest].append(file)
        sizes[smallest] += file.stat().st_size
    return [sorted(share) for share in distributed]


def run_together(runs: Sequence[Run], command: Sequence[str], environment: Mapping[str, str] | None = None) -> int:
    """Start all runs, wait for them, and return the first exit code that is not 0.

    The first run writes to the terminal. What the others write is shown when all have ended.
    """
    with ExitStack() as files:
        outputs = [None, *(files.enter_context(TemporaryFile()) for _ in runs[1:])]
        processes = [
            subprocess.Popen(
                [sys.executable, "-m", *command, f"--junitxml={run.report}", *run.arguments],
                cwd=ROOT,
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT if output else None,
            )
            for run, output in zip(runs, outputs, strict=True)
        ]
        codes = [process.wait() for process in processes]
        for output in filter(None, outputs):
            output.seek(0)
            sys.stdout.buffer.write(output.read())
    sys.stdout.flush()
    for number, (run, code) in enumerate(zip(runs, codes, strict=True), 1):
        if code and not run.report.exists():
            print(f"process {number} ended with code {code} and no report: its tests are not counted", flush=True)
    if all(code == NO_TESTS for code in codes):
        return NO_TESTS
    return next((code for code in codes if code not in (0, NO_TESTS)), 0)


def summary(reports: Iterable[Path]) -> str:
    """Return the numbers of tests by outcome in all reports, for example "2 failed, 5739 passed, 1 skipped"."""
    outcomes: Counter[str] = Counter()
    for case in _testcases(reports):
        kinds = {child.tag for child in case}
        failed = bool(kinds & {"failure", "error"})
        outcomes["failed" if failed else "skipped" if "skipped" in kinds else "passed"] += 1
    return ", ".join(f"{outcomes[kind]} {kind}" for kind in ("failed", "passed", "skipped") if outcomes[kind])


def failures(reports: Iterable[Path]) -> str:
    """Return each failed test with the last lines of its output."""
    summaries = []
    for case in _testcases(reports):
        for failure in (*case.iter("failure"), *case.iter("error")):
            lines = (failure.text or failure.get("message") or "").rstrip().splitlines()[-_FAILURE_LINES:]
            summaries.append("\n".join([f"FAILED {case.get('classname')}::{case.get('name')}", *lines, ""]))
    return "\n".join(summaries)


def not_run(reports: Iterable[Path], reason: str) -> dict[str, int]:
    """Return how many tests of each file were skipped for `reason`."""
    return Counter(
        case.get("classname", "")
        for case in _testcases(reports)
        for skipped in case.iter("skipped")
        if reason in skipped.get("message", "")
    )


def _testcases(reports: Iterable[Path]) -> Iterable[ElementTree.Element]:
    """Yield the tests of all reports; a run that was interrupted wrote none."""
    for report in reports:
        if report.exists():
            yield from ElementTree.parse(report).iter("testcase")
