"""`python -m tests`: every suite that this machine can run; then what it could not run, and why, and last of all what
failed.

Files are shared out between as many processes as there are processors (four at most), each with servers of its own.
Other arguments go to pytest instead. With `--coverage` first, the covered lines are measured, which takes half as long
again, and fewer than pyproject.toml demands are a failure.
"""

import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

from tests.support.requirements import GET_MAVEN, GET_NPM, ROOT, kafka_missing, prism_missing

_WORK = ROOT / ".cache" / "tests"
_REPORT = _WORK / "tests.xml"
_TOLD = 40
"""Lines of a failure that are told again at the end: its last ones, with what was wrong."""
_ALL = ("--numprocesses=logical", "--maxprocesses=4", "--dist=loadfile", "--no-loadscope-reorder")


def not_run(report: Path, reason: str) -> dict[str, int]:
    """How many tests of each file were skipped for `reason`, from pytest's JUnit report."""
    cases = ElementTree.parse(report).iter("testcase")
    return Counter(
        case.get("classname", "")
        for case in cases
        for skipped in case.iter("skipped")
        if reason in skipped.get("message", "")
    )


def failures(report: Path) -> str:
    """Each test that failed, with the end of what it said: a long log keeps only its last lines."""
    told = []
    for case in ElementTree.parse(report).iter("testcase"):
        for wrong in (*case.iter("failure"), *case.iter("error")):
            lines = (wrong.text or wrong.get("message") or "").rstrip().splitlines()[-_TOLD:]
            told.append("\n".join([f"FAILED {case.get('classname')}::{case.get('name')}", *lines, ""]))
    return "\n".join(told)


def last_lines(skipped: dict[str, int], reason: str, get: str) -> str:
    """What to tell of suites that did not run, with the one command that changes it."""
    files = [f"  {name} ({count} tests)" for name, count in sorted(skipped.items())]
    return "\n".join(["", f"NOT RUN here: {reason}", *files, f"Get it with:  {get}"])


def run_pytest(*words: str) -> int:
    """Run pytest in a process of its own; return its exit code."""
    return subprocess.run(
        [sys.executable, "-m", "pytest", f"--junitxml={_REPORT}", *words], cwd=ROOT, check=False
    ).returncode


def run_pytest_with_coverage(*words: str) -> int:
    """Run pytest with coverage and print the uncovered lines; return the first exit code that is not 0."""
    environment = {**os.environ, "COVERAGE_FILE": str(_WORK / "data")}

    def coverage(*words: str) -> int:
        command = [sys.executable, "-m", "coverage", *words]
        return subprocess.run(command, env=environment, cwd=ROOT, check=False).returncode

    failed = coverage("run", "-m", "pytest", f"--junitxml={_REPORT}", *words)
    coverage("combine", "--quiet")
    return failed or coverage("report")


def main(arguments: list[str]) -> int:
    shutil.rmtree(_WORK, ignore_errors=True)
    _WORK.mkdir(parents=True)
    wanted = [(kafka_missing(), GET_MAVEN), (prism_missing(), GET_NPM)]
    measured = arguments[:1] == ["--coverage"]
    run = run_pytest_with_coverage if measured else run_pytest
    failed = run(*(arguments[measured:] or _ALL))
    for reason, get in wanted:
        if reason and _REPORT.exists():
            print(last_lines(not_run(_REPORT, reason), reason, get), flush=True)
    if failed and _REPORT.exists():
        print("", failures(_REPORT), sep="\n", flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
