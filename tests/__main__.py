"""`python -m tests`: every suite that this machine can run, with coverage; then what it could not run, and why.

Whole stories wait for leases, sessions and restarts most of their time, so they run beside the other suites, whose
output follows at the end. With arguments all go to one pytest, and coverage is not judged.
"""

import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import IO
from xml.etree import ElementTree

from tests.support.requirements import GET_MAVEN, ROOT, kafka_missing

_WORK = ROOT / ".cache" / "coverage"
_STORIES = ("tests/e2e", "tests/faults")


def not_run(report: Path, reason: str) -> dict[str, int]:
    """How many tests of each file were skipped for `reason`, from pytest's JUnit report."""
    cases = ElementTree.parse(report).iter("testcase")
    return Counter(
        case.get("classname", "")
        for case in cases
        for skipped in case.iter("skipped")
        if reason in skipped.get("message", "")
    )


def last_lines(skipped: dict[str, int], reason: str) -> str:
    """What to tell of suites that did not run, with the one command that changes it."""
    files = [f"  {name} ({count} tests)" for name, count in sorted(skipped.items())]
    return "\n".join(["", f"NOT RUN here: {reason}", *files, f"Get it with:  {GET_MAVEN}"])


def run(name: str, words: Sequence[str], output: IO[bytes] | None = None) -> tuple["subprocess.Popen[bytes]", Path]:
    """A started pytest under coverage, and where it will leave its report."""
    report = _WORK / f"{name}.xml"
    command = [sys.executable, "-m", "coverage", "run", "-m", "pytest", f"--junitxml={report}", *words]
    return subprocess.Popen(command, env=_environment(), cwd=ROOT, stdout=output), report


def coverage(*words: str) -> int:
    """A command of coverage on what was measured; its exit code."""
    return subprocess.run(
        [sys.executable, "-m", "coverage", *words], env=_environment(), cwd=ROOT, check=False
    ).returncode


def _environment() -> dict[str, str]:
    return {**os.environ, "COVERAGE_FILE": str(_WORK / "data")}


def rooms() -> list[str]:
    """All folders of tests but the stories'."""
    folders = sorted(f"tests/{path.name}" for path in (ROOT / "tests").iterdir() if path.is_dir())
    return [folder for folder in folders if folder not in _STORIES and any((ROOT / folder).rglob("test_*.py"))]


def main(arguments: list[str]) -> int:
    shutil.rmtree(_WORK, ignore_errors=True)
    _WORK.mkdir(parents=True)
    missing = kafka_missing()
    with (_WORK / "rooms.txt").open("w+b") as output:
        runs = [run("tests", arguments)] if arguments else [run("stories", _STORIES), run("rooms", rooms(), output)]
        failed = max(abs(process.wait()) for process, _ in runs)
        output.seek(0)
        print(output.read().decode(errors="replace"), flush=True)
    coverage("combine", "--quiet")
    uncovered = 0 if arguments else coverage("report")
    skipped = Counter[str]()
    for _, report in runs:
        if missing and report.exists():
            skipped.update(not_run(report, missing))
    if missing:
        print(last_lines(skipped, missing), flush=True)
    return failed or uncovered


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
