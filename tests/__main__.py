"""`python -m tests`: run every suite that this machine can run, then list the suites it could not run and the failures.

Test files are distributed over one process more than there are processors (at most four), each with its own servers.
Other arguments are passed to pytest instead. With `--coverage` as the first argument, line coverage is measured, which
takes half as long again; the run fails if it is below the limit in pyproject.toml.
"""

import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import psutil

from tests.support.requirements import GET_MAVEN, GET_NPM, ROOT, kafka_missing, node_missing, prism_missing

_WORK = ROOT / ".cache" / "tests"
_REPORT = _WORK / "tests.xml"
_FAILURE_LINES = 40
"""Number of last lines of a failure that are repeated at the end of the run."""
_PROCESSES = min(4, (psutil.cpu_count() or 1) + 1)
"""With one process per processor, 42 % of the processor time was idle: tests of kills, servers and browsers wait."""
_ALL = (f"--numprocesses={_PROCESSES}", "--dist=loadfile", "--no-loadscope-reorder")


def not_run(report: Path, reason: str) -> dict[str, int]:
    """Return how many tests of each file were skipped for `reason`, from pytest's JUnit report."""
    testcases = ElementTree.parse(report).iter("testcase")
    return Counter(
        case.get("classname", "")
        for case in testcases
        for skipped in case.iter("skipped")
        if reason in skipped.get("message", "")
    )


def failures(report: Path) -> str:
    """Return each failed test with the last lines of its output."""
    summaries = []
    for case in ElementTree.parse(report).iter("testcase"):
        for failure in (*case.iter("failure"), *case.iter("error")):
            lines = (failure.text or failure.get("message") or "").rstrip().splitlines()[-_FAILURE_LINES:]
            summaries.append("\n".join([f"FAILED {case.get('classname')}::{case.get('name')}", *lines, ""]))
    return "\n".join(summaries)


def skipped_suites_message(skipped: dict[str, int], reason: str, get: str) -> str:
    """Return the list of suites that did not run, with the reason and the command that makes them run."""
    files = [f"  {name} ({count} tests)" for name, count in sorted(skipped.items())]
    return "\n".join(["", f"NOT RUN here: {reason}", *files, f"Get it with:  {get}"])


def run_pytest(*arguments: str) -> int:
    """Run pytest in a subprocess. Return its exit code."""
    return subprocess.run(
        [sys.executable, "-m", "pytest", f"--junitxml={_REPORT}", *arguments], cwd=ROOT, check=False
    ).returncode


def run_pytest_with_coverage(*arguments: str) -> int:
    """Run pytest with coverage and print the uncovered lines. Return the first non-zero exit code, or 0."""
    environment = {**os.environ, "COVERAGE_FILE": str(_WORK / "data")}

    def coverage(*arguments: str) -> int:
        command = [sys.executable, "-m", "coverage", *arguments]
        return subprocess.run(command, env=environment, cwd=ROOT, check=False).returncode

    failed = coverage("run", "-m", "pytest", f"--junitxml={_REPORT}", *arguments)
    coverage("combine", "--quiet")
    return failed or coverage("report")


def main(arguments: list[str]) -> int:
    shutil.rmtree(_WORK, ignore_errors=True)
    _WORK.mkdir(parents=True)
    optional_tools = [(kafka_missing(), GET_MAVEN), (prism_missing(), GET_NPM), (node_missing(), GET_NPM)]
    with_coverage = arguments[:1] == ["--coverage"]
    run = run_pytest_with_coverage if with_coverage else run_pytest
    failed = run(*(arguments[with_coverage:] or _ALL))
    for reason, get in optional_tools:
        if reason and _REPORT.exists():
            print(skipped_suites_message(not_run(_REPORT, reason), reason, get), flush=True)
    if failed and _REPORT.exists():
        print("", failures(_REPORT), sep="\n", flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
