"""`python -m tests`: run every suite that this machine can run, then list the suites it could not run and the failures.

Tests without sockets run in a process of their own. The files of the others are distributed over one process more than
there are processors (at most four), each with its own servers. Other arguments are passed to pytest instead. With
`--coverage` as the first argument, line coverage is measured, which takes half as long again; the run fails if it is
below the limit in pyproject.toml.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence

import psutil

from tests.support.pytest_runs import Run, failures, not_run, run_together, summary
from tests.support.requirements import GET_MAVEN, GET_NPM, ROOT, kafka_missing, node_missing, prism_missing

_WORK = ROOT / ".cache" / "tests"
_PROCESSES = min(4, (psutil.cpu_count() or 1) + 1)
"""With one process per processor, 42 % of the processor time was idle: tests of kills, servers and browsers wait."""
_SOCKETLESS = ("tests/unit", "tests/simulation")
_WITH_SERVERS = (
    f"--numprocesses={_PROCESSES}",
    "--dist=loadfile",
    "--no-loadscope-reorder",
    *(f"--ignore={folder}" for folder in _SOCKETLESS),
)


def skipped_suites_message(skipped: dict[str, int], reason: str, get: str) -> str:
    """Return the list of suites that did not run, with the reason and the command that makes them run."""
    files = [f"  {name} ({count} tests)" for name, count in sorted(skipped.items())]
    return "\n".join(["", f"NOT RUN here: {reason}", *files, f"Get it with:  {get}"])


def run_with_coverage(runs: Sequence[Run]) -> int:
    """Run pytest with coverage and print the uncovered lines. Return the first non-zero exit code, or 0."""
    environment = {**os.environ, "COVERAGE_FILE": str(_WORK / "data")}

    def coverage(*arguments: str) -> int:
        command = [sys.executable, "-m", "coverage", *arguments]
        return subprocess.run(command, env=environment, cwd=ROOT, check=False).returncode

    failed = run_together(runs, ("coverage", "run", "-m", "pytest"), environment)
    coverage("combine", "--quiet")
    return failed or coverage("report")


def main(arguments: list[str]) -> int:
    shutil.rmtree(_WORK, ignore_errors=True)
    _WORK.mkdir(parents=True)
    optional_tools = [(kafka_missing(), GET_MAVEN), (prism_missing(), GET_NPM), (node_missing(), GET_NPM)]
    with_coverage = arguments[:1] == ["--coverage"]
    selected = arguments[with_coverage:]
    runs = [Run(selected or _WITH_SERVERS, _WORK / "tests.xml")]
    if not selected:
        runs.append(Run(("-q", *_SOCKETLESS), _WORK / "socketless.xml"))
    failed = run_with_coverage(runs) if with_coverage else run_together(runs, ("pytest",))
    reports = [run.report for run in runs]
    for reason, get in optional_tools:
        if reason:
            print(skipped_suites_message(not_run(reports, reason), reason, get), flush=True)
    if failed:
        print("", failures(reports), sep="\n", flush=True)
    print(f"\n{summary(reports)} in {len(runs)} run(s)", flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
