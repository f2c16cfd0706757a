"""How often the true cause of generated faults is named, compared with the rule "the level with the largest raw drop".

    python -m benchmarks.attribution [--streams 100] [--first 0] [--ledger] [--json]

Every stream has several dimensions, an unrelated change, and a date with an interval as from a detector. An answer is
right if the kind, the dimension and the level are named first and alone; if the data cannot decide, it must say so (of
two simultaneous changes both are named as possible). The rule can neither say this nor name traffic. With `--ledger` no
date is passed: the values are fed to the service's engine, and the regression that it detects is evaluated. The drops
are as small as an alarm can detect, so some streams stay silent; if only traffic changed, all should. Shares have the
95 % interval of the number of streams (Wilson, 1927); `--first` sets another first seed.
"""

import argparse
import json
import math
import time
from collections.abc import Sequence
from typing import Any

from analyzer.domain.attribution.causes import RankedCause
from analyzer.domain.attribution.contrasts import ChangePoint
from analyzer.domain.attribution.ranking import Attribution, rank_hypotheses
from analyzer.domain.attribution.timeline import Timeline
from analyzer.domain.engine import QualityEngine
from analyzer.domain.metrics.extraction import metric_named
from analyzer.domain.model import Dimension, Reading, Use
from benchmarks.rows import Row, add_rows_option, write_rows
from ratchet_backtest.replay_engine import ExecutionFact
from shared.events.quality import Cause, RegressionDetected
from tests.support.attribution_worlds import FAULTS, NAMES, SINGLE, Truth, Value, stream

_METRIC = metric_named("score.quality")
_DIMENSION = Dimension("acme", "production", "bot", _METRIC.name)


def is_right(certain: bool, causes: Sequence[RankedCause | Cause], truth: Truth) -> bool:
    """Return whether the causes equal the truth."""
    first = causes[0]
    if not truth.certain:
        return not certain and {cause.kind for cause in causes} >= truth.kinds
    return certain and first.kind in truth.kinds and (first.name, first.after) == (truth.name, truth.level)


def attribute_dated_change(values: Sequence[Value], change: ChangePoint) -> Attribution:
    """Return the attribution of a change with known date."""
    timeline = Timeline(NAMES)
    for value in values:
        timeline.add(*value)
    return rank_hypotheses(timeline, change)


def first_regression(values: Sequence[Value]) -> RegressionDetected | None:
    """Return the first regression that the engine detects."""
    engine = QualityEngine()
    for number, (cell, value, at) in enumerate(values):
        levels = {name: level for name, level in zip(NAMES, cell, strict=True) if level}
        fact = ExecutionFact(str(number), levels["model"], levels, outcome=levels["outcome"])
        uses = (Use("answer", levels["prompt_version:answer"]),)
        for turn in engine.apply(Reading(_DIMENSION, _METRIC, uses, fact, value, None, at, at)):
            if isinstance(turn, RegressionDetected):
                return turn
    return None


def largest_drop(values: Sequence[Value], change: ChangePoint) -> tuple[str, str | None]:
    """Return the dimension and level whose raw mean dropped most; a new level is compared with the overall
    mean before.
    """
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


def measure(kind: str, first: int, streams: int, engine: bool) -> dict[str, Any]:
    """Return the number of answers (`n`), of right ones, of certain but wrong ones, of right ones of the rule, and
    milliseconds per stream.

    An answer of the engine is the regression that it detects.
    """
    row: dict[str, Any] = {"fault": kind, "n": 0, "right": 0, "wrong": 0, "rule": 0, "ms": 0.0}
    for seed in range(first, first + streams):
        values, change, truth = stream(seed, kind)
        start = time.process_time()
        found = first_regression(values) if engine else attribute_dated_change(values, change)
        row["ms"] += 1000 * (time.process_time() - start) / streams
        if found is None:
            continue
        good = is_right(found.certain, found.causes, truth)
        name, level = largest_drop(values, change)
        row["n"] += 1
        row["right"] += good
        row["wrong"] += found.certain and not good
        row["rule"] += truth.certain and (name.partition(":")[2] or name, level) == (truth.name, truth.level)
    return row


def combine(kinds: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Combine the single causes into one line."""
    single = [each for each in kinds if each["fault"] in SINGLE]
    sums = {name: sum(each[name] for each in single) for name in ("n", "right", "wrong", "rule")}
    return {"fault": "all single causes", **sums, "ms": sum(each["ms"] for each in single) / len(single)}


def interval(hits: int, n: int) -> tuple[float, float]:
    """Return the 95 % interval of a share."""
    z = 1.96
    middle, spread = (hits + z * z / 2) / (n + z * z), math.sqrt(hits * (n - hits) / n + z * z / 4)
    return max(middle - z * spread / (n + z * z), 0.0), min(middle + z * spread / (n + z * z), 1.0)


def show(row: dict[str, Any]) -> None:
    n = row["n"]
    if not n:
        print(f"{row['fault']:32}{n:6}  silent")
        return
    low, high = interval(row["right"], n)
    share, wrong, rule = (f"{row[name] / n:.1%}" for name in ("right", "wrong", "rule"))
    between = f"[{low:.1%}, {high:.1%}]"
    print(f"{row['fault']:32}{n:6}{share:>8} {between:18}{wrong:>9}{rule:>14}{row['ms']:7.1f}", flush=True)


def table_row(row: dict[str, Any]) -> Row:
    """Return the right answers about all single causes, and those of the rule."""
    share, rule = row["right"] / row["n"], row["rule"] / row["n"]
    return Row("attribution: right cause, single causes", "of answers", share, "high", rule, "largest drop",
               item="stream", process_s=row["ms"] / 1000)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, default=100)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--ledger", action="store_true")
    parser.add_argument("--json", action="store_true")
    add_rows_option(parser)
    options = parser.parse_args()
    if not options.json:
        print(f"{'fault':32}{'n':>6}{'right':>8} {'':18}{'wrongly':>9}{'largest drop':>14}{'ms':>7}")
    rows = []
    for kind in FAULTS:
        rows.append(measure(kind, options.first, options.streams, options.ledger))
        if not options.json:
            show(rows[-1])
    rows.append(combine(rows))
    print(json.dumps(rows)) if options.json else show(rows[-1])
    write_rows(options.rows, [table_row(rows[-1])])


if __name__ == "__main__":
    main()
