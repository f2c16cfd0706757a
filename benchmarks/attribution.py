"""How often the right cause is named, on generated faults, beside the rule "the level with the largest raw drop".

    python -m benchmarks.attribution [--streams 100] [--json]

Every stream has several dimensions, an innocent change of its own, and a date with an interval as a detector gives it.
Right means: the kind, the dimension and the level are named first and alone; for what can't be told from inside, that
it is said so (two that start together: both are named as possible). The rule has no way to say so, nor to name traffic.
"""

import argparse
import json
import time
from collections.abc import Sequence

from analyzer.attribution import Attribution, attribute
from analyzer.contrasts import Change
from analyzer.timeline import Timeline
from tests.support.blamed import FAULTS, NAMES, Truth, Value, stream


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


def measure(kind: str, streams: int) -> dict[str, float | str]:
    """Shares of streams: right; a wrong name said for certain; the rule's; and the milliseconds of one answer."""
    hits = wrong = rule = 0
    seconds = 0.0
    for seed in range(streams):
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
    return {
        "fault": kind,
        "right": hits / streams,
        "wrongly certain": wrong / streams,
        "largest raw drop": rule / streams,
        "ms": 1000 * seconds / streams,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, default=100)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows = []
    if not options.json:
        print(f"{'fault':32}{'right':>8}{'wrongly certain':>18}{'largest raw drop':>18}{'ms':>7}")
    for kind in FAULTS:
        row = measure(kind, options.streams)
        rows.append(row)
        if not options.json:
            shares = f"{row['right']:8.0%}{row['wrongly certain']:18.0%}{row['largest raw drop']:18.0%}"
            print(f"{kind:32}{shares}{row['ms']:7.1f}", flush=True)
    if options.json:
        print(json.dumps(rows))


if __name__ == "__main__":
    main()
