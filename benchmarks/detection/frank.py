"""Every switch between nine summarising systems: `python -m benchmarks.detection.frank FRANK_JSONL`.

Human judgements of factuality (FRANK: Pagnoni, Balachandran and Tsvetkov, 2021), at most 250 per system. The first
system's values are the reference, the second's are monitored; the difference of all values is used as the truth.
"""

import argparse
import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path
from statistics import fmean

from analyzer.domain.detection import DetectionSettings, Finding, Monitor

POLICY = DetectionSettings()
FOUND, FLOOR = 0.15, 0.05


@dataclass(frozen=True, slots=True)
class SwitchResult:
    """The findings from the hundredth value on, and the last finding: at the regression, if there was one.

    `shown` is the number of values after which the drop was first significant, `after` that of the last finding.
    """

    findings: tuple[str, ...]
    finding: Finding
    shown: int | None
    after: int


def compare(before: Sequence[float], after: Sequence[float]) -> SwitchResult:
    """Monitor `after` as a new version until it is a regression or ends; `before` is the previous version."""
    baseline = Monitor("bounded", POLICY)
    for value in before:
        baseline.learn(value)
    monitor, findings = Monitor("bounded", POLICY, reference=baseline.reference()), list[str]()
    shown, at = None, 0
    for at, value in enumerate(after, 1):
        if monitor.observe(value):
            shown = shown or at
        if at >= POLICY.minimum:
            findings.append(monitor.finding().answer)
            if findings[-1] == "regressed":
                break
    return SwitchResult(tuple(findings), monitor.finding(), shown, at)


def halves(values: Sequence[float]) -> list[tuple[Sequence[float], Sequence[float]]]:
    """Return one system's values split into two: by halves and by alternation, each in both orders."""
    middle = len(values) // 2
    pairs = [(values[:middle], values[middle:]), (values[::2], values[1::2])]
    return [*pairs, *((other, one) for one, other in pairs)]


def judgements_by_system(path: Path) -> dict[str, list[float]]:
    """Return the judgements by system, in the file's order."""
    judged: dict[str, list[float]] = defaultdict(list)
    for line in path.read_text().splitlines():
        row = json.loads(line)
        judged[row["model_name"]].append(row["Factuality"])
    return judged


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=Path)
    judged = judgements_by_system(parser.parse_args().path)
    true = {(a, b): fmean(judged[a]) - fmean(judged[b]) for a, b in permutations(judged, 2)}
    print(
        "| switch | true drop | said | beyond chance after | said after | drop [interval] |\n|---|---|---|---|---|---|"
    )
    counted: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for (a, b), drop in sorted(true.items(), key=lambda pair: -pair[1]):
        found = compare(judged[a], judged[b])
        answer, estimate = found.finding.answer, found.finding.drop
        group = "15 pp or more" if drop >= FOUND else "5 to 15 pp" if drop >= FLOOR else "less, or a rise"
        counted[group][answer] += 1
        if drop >= FLOOR and estimate is not None:
            interval = f"{100 * estimate.mean:.1f} [{100 * estimate.low:.1f}, {100 * estimate.high:.1f}]"
            print(f"| {a} → {b} | {100 * drop:.1f} | {answer} | {found.shown or '–'} | {found.after} | {interval} |")
    both = [compare(one, other).finding.answer for values in judged.values() for one, other in halves(values)]
    print(*(f"{group}: {dict(answers)}" for group, answers in counted.items()), sep="\n")
    print(f"halves of one system: { ({answer: both.count(answer) for answer in sorted(set(both))}) }")


if __name__ == "__main__":
    main()
