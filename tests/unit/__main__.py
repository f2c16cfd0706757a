"""`python -m tests.unit`: run the unit tests in one process more than there are processors, each with its own files.

Arguments are passed to pytest, for example `-k erasure`. For one file, call pytest itself.
"""

import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

from tests.support.pytest_runs import Run, failures, run_together, share_files, summary

_FOLDER = Path(__file__).parent
_OPTIONS = ("-q", "-p", "no:xdist", "--hypothesis-profile=ratchet-quick")


def main(arguments: list[str]) -> int:
    if any(argument.startswith("tests") for argument in arguments):
        print("For some files or folders, call pytest: .venv/bin/python -m pytest tests/unit/…", file=sys.stderr)
        return 2
    start = time.monotonic()
    with TemporaryDirectory() as folder:
        shares = share_files(_FOLDER.rglob("test_*.py"), (psutil.cpu_count() or 1) + 1)
        runs = [
            Run([*_OPTIONS, *arguments, *map(str, share)], Path(folder, f"{number}.xml"))
            for number, share in enumerate(shares)
        ]
        failed = run_together(runs, ("pytest",))
        reports = [run.report for run in runs]
        if failed:
            print("", failures(reports), sep="\n")
        print(f"\n{summary(reports)} in {time.monotonic() - start:.0f} s ({len(runs)} processes)", flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
