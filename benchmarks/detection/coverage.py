"""Coverage of the reported intervals: `python -m benchmarks.detection.coverage [--runs 200]`.

Streams with known means are monitored for 1,500 values, and the intervals read after every block; an interval misses if
it ever excludes the true value. The true value of a side is the mean of the means of its values, wherever the sides
were split. Printed are the share of streams in which the interval of each mean, and of the drop, never missed; the
share in which it did not miss when the regression was detected; and the mean of the drops reported then.
"""

import argparse
import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate
from statistics import fmean
from typing import NamedTuple

from analyzer.domain.detection import DetectionSettings, Estimate, Finding, Monitor, ValueKind

LEAST, OFTEN, SELDOM, WATCHED, CHANGE = 100, 5, 25, 1500, 500
POLICY = DetectionSettings()
Draw = Callable[[random.Random, float], float]
PARTS = ("before", "after", "drop")


class Family(NamedTuple):
    """The value kind, how a value with a given mean is drawn, and the mean before a drop; AR(1) if `correlated`."""

    kind: ValueKind
    draw: Draw
    mean: float
    phi: float = 0.0


def _beta(concentration: float) -> Draw:
    return lambda rnd, mean: rnd.betavariate(mean * concentration, (1.0 - mean) * concentration)


def _judge(rnd: random.Random, mean: float) -> float:
    """Draw quarters, rounded at random so that the mean is kept."""
    value = 4.0 * rnd.betavariate(3.0 * mean, 3.0 * (1.0 - mean))
    return (math.floor(value) + (rnd.random() < value % 1.0)) / 4.0


def _amount(rnd: random.Random, mean: float) -> float:
    """Draw on the scale on which amounts are compared: more is worse."""
    return math.exp(rnd.gauss(-mean, 0.8))


FAMILIES = {
    "scores": Family("bounded", _beta(10.0), 0.8),
    "scores near 1": Family("bounded", _beta(20.0), 0.97),
    "judge": Family("bounded", _judge, 0.8),
    "thumbs 85 %": Family("binary", lambda rnd, mean: float(rnd.random() < mean), 0.85),
    "thumbs 97 %": Family("binary", lambda rnd, mean: float(rnd.random() < mean), 0.97),
    "latency": Family("positive", _amount, -6.7),
    "AR(1) 0.5": Family("real", lambda rnd, mean: rnd.gauss(mean, 0.1), 0.8, 0.5),
}


@dataclass(frozen=True, slots=True)
class Case:
    """A family; `declared`: a new version starts; otherwise values are compared with the stream's own history."""

    family: str
    declared: bool
    drop: float
    history: int = 1000


CASES = [
    *(Case(family, declared, drop) for family in FAMILIES for declared in (True, False) for drop in (0.0, 0.05, 0.1)),
    *(Case(family, True, 0.1, 200) for family in FAMILIES),
]


@dataclass(slots=True)
class Missed:
    """The misses of a run's intervals: ever, and when the regression was detected (None: never), with `stated` then."""

    ever: set[str]
    raised: set[str] | None = None
    stated: float = math.nan


def watched(case: Case, run: int) -> Missed:
    """Monitor one stream of a case."""
    family, rnd = FAMILIES[case.family], random.Random(f"{case}-{run}")
    change = 0 if case.declared else CHANGE
    means = [family.mean] * (case.history + change) + [family.mean - case.drop] * (WATCHED - change)
    values, sums = _values(family, rnd, means), [0.0, *accumulate(means)]
    monitor = Monitor(family.kind, POLICY)
    for value in values[: case.history]:
        monitor.learn(value)
    if case.declared:
        monitor = Monitor(family.kind, POLICY, reference=monitor.reference())
    missed = Missed(set())
    for at, value in enumerate(values[case.history :], 1):
        monitor.observe(value)
        if at >= LEAST and at % (OFTEN if at < 3 * LEAST else SELDOM) == 0:
            finding = monitor.finding()
            if not case.declared or finding.method.startswith("switch"):
                _judged(missed, finding, _left_out(case, finding, sums, at))
    return missed


def _values(family: Family, rnd: random.Random, means: list[float]) -> list[float]:
    values = [family.draw(rnd, mean) for mean in means]
    z, kept = 0.0, math.sqrt(1.0 - family.phi**2)
    for at, mean in enumerate(means if family.phi else ()):
        z = family.phi * z + kept * (values[at] - mean)
        values[at] = mean + z
    return values


def _left_out(case: Case, finding: Finding, sums: list[float], at: int) -> set[str]:
    if finding.before is None or finding.after is None or finding.drop is None or finding.since is None:
        return set()
    cut, end = case.history if case.declared else finding.since.index, case.history + at
    before, after = sums[cut] / cut, (sums[end] - sums[cut]) / (end - cut)
    amount = FAMILIES[case.family].kind == "positive"
    shown = [math.exp(-mean) if amount else mean for mean in (before, after)]
    truths = zip(PARTS, (finding.before, finding.after, finding.drop), (*shown, before - after), strict=True)
    return {part for part, estimate, truth in truths if not _holds(estimate, truth)}


def _holds(estimate: Estimate, truth: float) -> bool:
    return estimate.low - 1e-9 <= truth <= estimate.high + 1e-9


def _judged(missed: Missed, finding: Finding, left_out: set[str]) -> None:
    missed.ever |= left_out
    if missed.raised is None and finding.answer == "regressed" and finding.drop is not None:
        missed.raised, missed.stated = left_out, finding.drop.mean


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=200)
    runs = parser.parse_args().runs
    print("family\twatch\thistory\tdrop\traised\tbefore\tafter\tdrop\tat the alarm: before\tafter\tdrop\tstated")
    total = dict.fromkeys(PARTS, 0)
    for case in CASES:
        found = [watched(case, run) for run in range(runs)]
        ever = [sum(part in each.ever for each in found) for part in PARTS]
        raised = [sum(part in (each.raised or ()) for each in found) for part in PARTS]
        total = {part: total[part] + more for part, more in zip(PARTS, ever, strict=True)}
        shares = [f"{100 * (1 - misses / runs):.1f}" for misses in (*ever, *raised)]
        stated = [each.stated for each in found if each.raised is not None]
        watch = "switch" if case.declared else "drift"
        mean = f"{fmean(stated):.3f}" if stated else "–"
        print(case.family, watch, case.history, case.drop, len(stated), *shares, mean, sep="\t", flush=True)
    print("all", *(f"{part} {100 * (1 - misses / runs / len(CASES)):.2f}" for part, misses in total.items()), sep="\t")


if __name__ == "__main__":
    main()
