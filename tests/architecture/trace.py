"""Trace one thumb, and one full loop, through all services in one process.

    python -m tests.architecture.trace          # the files that one thumb enters, with their lines
    python -m tests.architecture.trace --check  # compare docs/one-event.md with a thumb and a full loop

Counted are files of the product (sdk, shared, services) in which at least one function is called between
`Client.feedback` in the app and the commits of all consumers of the event: the analyzer, the collector's execution
log and the evaluator. The system is warm: it has processed an execution and a thumb before. The proposer's files are
counted separately. Not counted are modules that are only imported, and what runs without an event, too: calls of
periodic jobs, and files that not every one of several thumbs enters.
`--check` also fails if more than `MOST_FILES` are entered.
"""

import argparse
import contextlib
import re
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from ratchet import Ratchet
from tests.support.databases import psql
from tests.support.eventually import eventually_sync
from tests.support.full_loop import BAD_TEXT, GOOD_TEXT, NAME, TARGET, one_proposal, one_regression, rate
from tests.support.in_process import InProcessSystem, in_process_system

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "one-event.md"
PRODUCT = tuple(f"{ROOT}/{top}/" for top in ("sdk", "shared", "services"))
PARALLEL = "services/proposer/"
MOST_FILES = 90
THUMBS, MOST_THUMBS = 3, 10
PERIODIC = {
    ("shared/src/shared/runtime/background.py", "run_every"),
    ("shared/src/shared/messaging/bus.py", "Bus._watch"),
    ("services/collector/src/collector/erasures/job.py", "ErasureJob.run"),
    ("services/evaluator/src/evaluator/maintenance.py", "RunScheduler.run"),
    ("services/gatekeeper/src/gatekeeper/delivery/live_sync.py", "LiveSync.poll"),
    ("services/gatekeeper/src/gatekeeper/use_cases/kill_switch.py", "KillSwitch.keep_connected"),
    ("services/gatekeeper/src/gatekeeper/use_cases/rollout_monitor.py", "RolloutMonitor.run"),
}
"""Loops of periodic jobs: what they call is not called for the event."""
CONSUMERS = {"analyzer.quality": 2, "collector.execution-log": 2, "evaluator.opinions": 1, "proposer.feedback": 1}
"""Consumer groups of `feedback.created`, with the events that each has processed after one execution and one thumb."""
STEP = re.compile(r"^\| \d+ \| `([\w./-]+)` · `([\w.]+)` \|", re.M)
Call = tuple[str, str]
"""A file, relative to the repository, and the qualified name of a function in it."""


@dataclass
class Recorder:
    """Records calls of product functions, in all threads that start after `installed`."""

    calls: list[Call] = field(default_factory=list)
    recording: bool = False
    without_periodic: bool = False

    @contextlib.contextmanager
    def installed(self) -> Iterator[None]:
        """Trace calls, not lines, during the block."""
        threading.settrace(self._on_call)
        sys.settrace(self._on_call)
        try:
            yield
        finally:
            sys.settrace(None)
            threading.settrace(None)

    @contextlib.contextmanager
    def record(self, without_periodic: bool = False) -> Iterator[list[Call]]:
        """Collect the calls during the block in the yielded list, if so without those of periodic jobs."""
        self.calls = []
        self.without_periodic = without_periodic
        self.recording = True
        yield self.calls
        self.recording = False

    def _on_call(self, frame: FrameType, event: str, _: Any) -> None:
        if self.recording and event == "call" and frame.f_code.co_filename.startswith(PRODUCT):
            if self.without_periodic and _is_periodic(frame):
                return
            path = frame.f_code.co_filename[len(str(ROOT)) + 1 :]
            self.calls.append((path, frame.f_code.co_qualname.replace(".<locals>", "")))


def _is_periodic(frame: FrameType | None) -> bool:
    while frame is not None:
        if (frame.f_code.co_filename[len(str(ROOT)) + 1 :], frame.f_code.co_qualname) in PERIODIC:
            return True
        frame = frame.f_back
    return False


@contextlib.contextmanager
def recorded_system() -> Iterator[tuple[InProcessSystem, Recorder]]:
    """Start a system whose calls can be recorded."""
    recorder = Recorder()
    with recorder.installed(), tempfile.TemporaryDirectory() as folder, in_process_system(Path(folder)) as system:
        yield system, recorder


def trace_thumbs(system: InProcessSystem, recorder: Recorder) -> list[list[Call]]:
    """Return the calls of each of several thumbs on an execution that the system knows, in order.

    There are at least `THUMBS`, and more while too many files are entered by all of them.
    """
    traces: list[list[Call]] = []
    with system.site.client() as app:
        prompt = app.prompt("one-thumb", GOOD_TEXT, target="one-thumb")  # not the target of the loop
        run = app.record(prompts=[prompt], input="question", output="answer")
        app.feedback(run, kind="thumb", value=True, user="user-0")
        eventually_sync(lambda: _consumed(system, 1), within=60)
        while len(traces) < THUMBS or (len(files_entered(traces)) > MOST_FILES and len(traces) < MOST_THUMBS):
            with recorder.record(without_periodic=True) as calls:
                app.feedback(run, kind="thumb", value=False, user=f"user-{len(traces) + 1}")
                eventually_sync(lambda: _consumed(system, len(traces) + 2), within=60)
            traces.append(calls)
    return traces


def trace_loop(system: InProcessSystem, recorder: Recorder) -> list[Call]:
    """Return the calls from the first bad thumbs to the approved fix in the app, in order."""
    site = system.site
    with site.client() as app:
        _rate(app, GOOD_TEXT, "good", lambda number: number % 10 != 0)
        with recorder.record() as calls:
            _rate(app, BAD_TEXT, "bad", lambda number: number % 10 < 4)
            one_regression(site)
            proposal = one_proposal(site)
            decision = {"verdict": "approved", "reason": "it cites again", "digest": proposal["digest"]}
            site.post(f"/v1/proposals/{proposal['id']}/decisions", decision).raise_for_status()
            eventually_sync(lambda: app.prompt(NAME, BAD_TEXT, target=TARGET).live)
    return calls


def _rate(app: Ratchet, text: str, tag: str, up: Callable[[int], bool]) -> None:
    rate(app, app.prompt(NAME, text, target=TARGET), 120, up, tag)


def _consumed(system: InProcessSystem, thumbs: int) -> bool:
    """Return whether each consumer has committed `thumbs`, and the execution if it reads those."""
    counts = " UNION ALL ".join(
        f"SELECT consumer, count(*) FROM {group.split('.')[0]}.inbox WHERE consumer = '{group}' GROUP BY 1"
        for group in CONSUMERS
    )
    found = dict(line.split("|") for line in psql(system.dsn, counts).splitlines())
    return found == {group: str(first + thumbs - 1) for group, first in CONSUMERS.items()}


def steps(document: str) -> tuple[list[Call], list[Call]]:
    """Return the steps of one thumb and those of the rest of the loop, from the tables of docs/one-event.md."""
    thumb, _, loop = document.partition("## The rest of the loop")
    return STEP.findall(thumb), STEP.findall(loop)


def missing_steps(steps: Sequence[Call], calls: Sequence[Call]) -> list[str]:
    """Return the steps without a call after the call of the step before."""
    position, missing = 0, []
    for path, name in steps:
        found = (
            index for index in range(position, len(calls))
            if calls[index][0] == path and (calls[index][1] == name or calls[index][1].startswith(f"{name}."))
        )  # fmt: skip
        index = next(found, None)
        if index is None:
            missing.append(f"{path} · {name}")
        else:
            position = index
    return missing


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="exit with 1 if docs/one-event.md differs from the trace")
    check = parser.parse_args().check
    with recorded_system() as (system, recorder):
        thumbs = trace_thumbs(system, recorder)
        loop = trace_loop(system, recorder) if check else []
    if not check:
        print(report(thumbs))
        return 0
    documented = steps(DOCUMENT.read_text())
    missing = missing_steps(documented[0], thumbs[0]) + missing_steps(documented[1], loop)
    print("\n".join(f"not entered after the step before: {step}" for step in missing))
    entered = files_entered(thumbs)
    if len(entered) > MOST_FILES:
        print(f"{len(entered)} files entered by one thumb, but at most {MOST_FILES} are expected:", *entered, sep="\n")
    return 1 if missing or len(entered) > MOST_FILES else 0


def files_entered(traces: Sequence[Sequence[Call]], parallel: bool = False) -> list[str]:
    """Return the files that each trace enters, in order: without those of the proposer, or only those."""
    common = set.intersection(*({path for path, _ in calls} for calls in traces))
    first = dict.fromkeys(path for path, _ in traces[0])
    return [path for path in first if path in common and path.startswith(PARALLEL) is parallel]


def report(traces: Sequence[Sequence[Call]]) -> str:
    """Return the number of files entered, and each file with its lines and functions, in order."""
    own, parallel = files_entered(traces), files_entered(traces, parallel=True)
    lines = [f"{len(own)} files entered by one thumb, and {len(parallel)} of the proposer at the same time"]
    for path in (*own, *parallel):
        names = dict.fromkeys(name for file, name in traces[0] if file == path)
        lines.append(f"{path} ({len((ROOT / path).read_text().splitlines())}): {', '.join(names)}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
