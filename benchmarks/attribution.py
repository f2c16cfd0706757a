"""How often the right cause is named, on generated faults, beside the rule "the level with the largest raw drop".

    python -m benchmarks.attribution [--streams 100] [--first 0] [--json]

Every stream has several dimensions, an innocent change of its own, and a date with an interval as a detector gives it.
Right means: the kind, the dimension and the level are named first and alone; for what can't be told from inside, that
it is said so (two that start together: both are named as possible). The rule has no way to say so, nor to name traffic.
Shares come with the 95 % interval of so many streams (Wilson, 1927); other streams begin at another `--first` seed.
"""

import argparse
import json
import math
import time
from collections.abc import Sequence
from typing import Any

from analyzer.attribution import Attribution, attribute
from analyzer.contrasts import Change
from analyzer.timeline import Timeline
from tests.support.blamed import FAULTS, NAMES, SINGLE, Truth, Value, stream


def right(found: Attribution, truth: Truth) -> bool:
    """Whether what is said is what happened."""
    first = found.causes[0]
    if not truth.certain:
        return not found.certain and {cause.kind for cause in found.causes} >= truth.kinds
    named = (first.name, first.after) == (truth.name, truth.level)
    return found.certain and first.kind in truth.kinds and named


def largest_drop(values: Sequence[Value], change: Change) -> tuple[str, str | None]:
    """The dimension and level whose raw mean fell most; a new level is compared with the mean of all before."""
    sums: dict[tuple[str, str | None, bool], list[float]] = {}
    for cell, value, at in values:
        for name, level in (*zip(NAMES, cell, strict=True), ("", None)):
            n_and_sum = sums.setdefault((name, level, at >= change.at), [0.0, 0.0])
            n_and_sum[0] += 1
            n_and_sum[1] += value
    drops = {}
    for (name, level, late), (n, total) in sums.items():
        if late and n >= 20 and name:
            old_n, old = sums.get((name, level, False), [0.0, 0.0])
            if old_n < 20:
                old_n, old = sums["", None, False]
            drops[name, level] = old / old_n - total / n
    return max(drops, key=lambda each: drops[each])


def measure(kind: str, first: int, streams: int) -> dict[str, Any]:
    """Of so many streams: how many right; a wrong name said for certain; the rule's; milliseconds of one answer."""
    hits = wrong = rule = 0
    seconds = 0.0
    for seed in range(first, first + streams):
        values, change, truth = stream(seed, kind)
        timeline = Timeline(NAMES)
        for value in values:
            timeline.add(*value)
        start = time.perf_counter()
        found = attribute(timeline, change)
        seconds += time.perf_counter() - start
        hits += right(found, truth)
        wrong += found.certain and not right(found, truth)
        name, level = largest_drop(values, change)
        rule += truth.certain and (name.partition(":")[2] or name, level) == (truth.name, truth.level)
    return {"fault": kind, "n": streams, "right": hits, "wrong": wrong, "rule": rule, "ms": 1000 * seconds / streams}


def together(kinds: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The single causes as one line."""
    single = [each for each in kinds if each["fault"] in SINGLE]
    sums = {name: sum(each[name] for each in single) for name in ("n", "right", "wrong", "rule")}
    return {"fault": "all single causes", **sums, "ms": sum(each["ms"] for each in single) / len(single)}


def interval(hits: int, n: int) -> tuple[float, float]:
    """Of a share, at 95 %."""
    z = 1.96
    middle, spread = (hits + z * z / 2) / (n + z * z), math.sqrt(hits * (n - hits) / n + z * z / 4)
    return max(middle - z * spread / (n + z * z), 0.0), min(middle + z * spread / (n + z * z), 1.0)


def show(row: dict[str, Any]) -> None:
    n, (low, high) = row["n"], interval(row["right"], row["n"])
    share, wrong, rule = (f"{row[name] / n:.1%}" for name in ("right", "wrong", "rule"))
    between = f"[{low:.1%}, {high:.1%}]"
    print(f"{row['fault']:32}{n:6}{share:>8} {between:18}{wrong:>9}{rule:>14}{row['ms']:7.1f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, default=100)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if not options.json:
        print(f"{'fault':32}{'n':>6}{'right':>8} {'':18}{'wrongly':>9}{'largest drop':>14}{'ms':>7}")
    rows = []
    for kind in FAULTS:
        rows.append(measure(kind, options.first, options.streams))
        if not options.json:
            show(rows[-1])
    rows.append(together(rows))
    print(json.dumps(rows)) if options.json else show(rows[-1])


if __name__ == "__main__":
    main()
