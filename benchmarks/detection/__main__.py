"""Score the detector in process: `python -m benchmarks.detection STREAMS [--reps N] [--seed S] [--only A,B]`.

STREAMS is the `streams.py` of a detection benchmark; it needs numpy. The figures equal those through `cli.py`.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from analyzer.domain.detection import DetectionSettings
from benchmarks.detection.families import QUIET, Stream
from benchmarks.detection.streams_of import load_streams
from benchmarks.detection.subject import SETTINGS, Subject

PRODUCT = DetectionSettings()
_NEVER = 10**9


class Stopwatch:
    """Processor time spent in the detector, and the number of values; `whole` is passed to the subject."""

    def __init__(self, whole: bool) -> None:
        self.seconds, self.values, self.whole = 0.0, 0, whole

    def first_alarm(self, stream: Stream, settings: DetectionSettings) -> tuple[int, int] | None:
        """Return when the first alarm came, and its estimated index of the change."""
        subject, base = Subject(stream["meta"], settings, self.whole), stream["meta"]["base"]
        values = stream["x"].tolist()
        segments = [""] * len(values) if stream["seg"] is None else [str(each) for each in stream["seg"].tolist()]
        began, index, found = time.process_time(), 0, None
        for index, (value, segment) in enumerate(zip(values, segments, strict=True)):
            found = subject.observe(value, segment)
            if found is not None and index >= base and (settings is SETTINGS or subject.regressed):
                break
            found = None
        self.seconds += time.process_time() - began
        self.values += index + 1
        return None if found is None else (index, found)


def row(streams: Iterator[Stream], watch: Stopwatch, settings: DetectionSettings) -> str:
    """Return the share of quiet streams with an alarm, or median delay, power within 2,000 and median error of the
    date.
    """
    delays: list[int] = []
    errors: list[int] = []
    quiet, early, alarms = False, 0, 0
    for stream in streams:
        found, tau, quiet = watch.first_alarm(stream, settings), stream["tau"], stream["null"]
        if quiet:
            alarms += found is not None
            delays.append(0)
        elif found is not None and found[0] < tau:
            early += 1
        else:
            delays.append(_NEVER if found is None else found[0] - tau)
            if found is not None and found[1] >= 0:
                errors.append(abs(found[1] - tau))
    if quiet:
        return f"{100 * alarms / len(delays):.1f} % alarm"
    middle = statistics.median(delays)
    power = 100 * sum(delay < 2000 for delay in delays) / len(delays)
    dated = f", dated within {statistics.median(errors):.0f}" if errors else ""
    return f"{'-' if middle >= _NEVER else round(middle)} ({power:.0f} %){dated}, {early} early"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("streams", type=Path)
    parser.add_argument("--reps", type=int, default=200)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--only", default="")
    parser.add_argument("--policy", action="store_true", help="with the product's floor and minimum")
    parser.add_argument("--whole", action="store_true", help="values with segments at alpha itself, as in the service")
    arguments = parser.parse_args()
    module, watch = load_streams(arguments.streams, arguments.seed), Stopwatch(arguments.whole)
    draw = module.np.random.default_rng

    def own(build: Callable[[Any, Any], Stream], name: str) -> Callable[[int], Stream]:
        return lambda rep: build(module.np, draw([*name.encode(), rep, arguments.seed or 0]))

    families = {**module.NULL, **module.SPECIAL, **module.CHANGE, **{n: own(build, n) for n, build in QUIET.items()}}
    for name, build in families.items():
        if any(name.startswith(start) for start in arguments.only.split(",")):
            settings = PRODUCT if arguments.policy else SETTINGS
            print(name, row(map(build, range(arguments.reps)), watch, settings), sep="\t", flush=True)
    print(f"{1e6 * watch.seconds / max(watch.values, 1):.2f} µs a value")


if __name__ == "__main__":
    main()
