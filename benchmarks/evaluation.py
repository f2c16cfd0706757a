"""Error rates, coverage and cases needed of the comparison in `ratchet eval`, on differences with known truth.

    python -m benchmarks.evaluation [--runs 400] [--cases 1000] [--json]

Every run is looked at after each case and ends with the first decision. *false better*: no difference, declared better.
*t-test*: the same streams, by a paired t-test that is looked at after each case from the tenth on. *false not worse*: a
true -5 pp, passed as not worse than -3 pp. *covered*: runs in which the interval never excluded the truth. The second
table has the cases that 80 % of runs need, beside those of tests with a fixed number of cases at the same level (2.5 %,
one-sided) and power: paired t-test (Student, 1908) and McNemar (Connor, 1987). Chance is fixed by seeds.
"""

import argparse
import json
import math
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.rows import Row, add_rows_option, write_rows
from ratchet_evaluation.domain.statistics.comparison import Goal, PairedComparison, reaches
from ratchet_evaluation.domain.statistics.wealth import Wealth

Differences = npt.NDArray[np.float64]
Law = Callable[[np.random.Generator, int, float], Differences]
_Z_ALPHA, _Z_POWER = 1.959964, 0.841621


def discordant(share: float) -> Law:
    """Return a law of passes and failures: the prompts disagree in this share of cases."""

    def draw(rng: np.random.Generator, n: int, shift: float) -> Differences:
        wins, losses = (share + shift) / 2, (share - shift) / 2
        return rng.choice([1.0, -1.0, 0.0], size=n, p=[wins, losses, 1 - wins - losses])

    return draw


def graded(rng: np.random.Generator, n: int, shift: float) -> Differences:
    """Return differences of a judge with five grades; a shift moves some cases by one grade."""
    noise = rng.choice([-0.5, -0.25, 0.0, 0.25, 0.5], size=n, p=[0.05, 0.2, 0.5, 0.2, 0.05])
    moved: Differences = noise + math.copysign(0.25, shift) * (rng.random(n) < abs(shift) / 0.25)
    return moved


def similar(rng: np.random.Generator, n: int, shift: float) -> Differences:
    """Return small differences, as of a similarity."""
    return rng.normal(shift, 0.1, n).clip(-1, 1)


def rare_disasters(rng: np.random.Generator, n: int, shift: float) -> Differences:
    """Return a complete loss in 2 % of cases, balanced by small gains in all others: as skewed as it gets."""
    return np.where(rng.random(n) < 0.02, -1.0, (shift + 0.02) / 0.98)


def clustered(rng: np.random.Generator, n: int, shift: float) -> Differences:
    """Return means over clusters: a case and two variants of similar difficulty, three repeats for each prompt."""
    base = rng.uniform(0.2, 0.8, (n, 1)) + rng.uniform(-0.05, 0.05, (n, 3))
    means: Differences = (rng.binomial(3, base + shift) - rng.binomial(3, base)).mean(axis=1) / 3
    return means


LAWS: Mapping[str, Law] = {
    "pass/fail, 10 % disagree": discordant(0.1),
    "pass/fail, 40 % disagree": discordant(0.4),
    "judge with five grades": graded,
    "small differences": similar,
    "rare disasters": rare_disasters,
    "clustered repeats": clustered,
}


@dataclass(frozen=True, slots=True)
class WatchedRun:
    """One run: after how many cases it was decided (None: never), whether the goal was reached, and whether the
    interval ever excluded the truth.
    """

    stopped: int | None
    reached: bool
    missed: bool


def watch(differences: Iterable[float], truth: float, goal: Goal, margin: float) -> WatchedRun:
    """Return a run that is looked at after each case; the interval is watched to the end of the stream."""
    comparison = PairedComparison(goal, margin)
    above, below = Wealth(truth), Wealth(truth, -1)
    stopped, reached, missed = None, False, False
    for number, difference in enumerate(differences, 1):
        if stopped is None:
            comparison.add(difference)
            if comparison.decided:
                stopped, reached = number, reaches(comparison.conclusion, goal)
        above.add(difference)
        below.add(difference)
        missed = missed or above.refuted or below.refuted
    return WatchedRun(stopped, reached, missed)


def watch_t_test(differences: Differences) -> bool:
    """Return whether a paired t-test, looked at after each case from the tenth on, ever finds the candidate better."""
    n = np.arange(1, len(differences) + 1)
    mean = np.cumsum(differences) / n
    variance = np.maximum(np.cumsum(differences**2) / n - mean**2, 1e-12) * n / np.maximum(n - 1, 1)
    # the quantile of Student's t, by Cornish and Fisher (1938)
    quantile = _Z_ALPHA + (_Z_ALPHA**3 + _Z_ALPHA) / (4 * np.maximum(n - 1, 1))
    return bool((mean / np.sqrt(variance / n) > quantile)[9:].any())


def measure_errors(name: str, runs: int, cases: int) -> dict[str, Any]:
    """Return the error rates of a law."""
    law = LAWS[name]
    nulls = [law(np.random.default_rng([1, run]), cases, 0.0) for run in range(runs)]
    losses = [law(np.random.default_rng([2, run]), cases, -0.05) for run in range(runs)]
    equal = [watch(stream.tolist(), 0.0, "better", 0.03) for stream in nulls]
    worse = [watch(stream.tolist(), -0.05, "not-worse", 0.03) for stream in losses]
    return {
        "law": name,
        "runs": runs,
        "false_better": sum(run.reached for run in equal) / runs,
        "t_test": sum(map(watch_t_test, nulls)) / runs,
        "false_not_worse": sum(run.reached for run in worse) / runs,
        "covered": 1 - sum(run.missed for run in (*equal, *worse)) / (2 * runs),
    }


SCENARIOS: tuple[tuple[str, float, Goal, float], ...] = (
    ("pass/fail, 40 % disagree", 0.2, "better", 0.05),
    ("pass/fail, 40 % disagree", 0.1, "better", 0.05),
    ("pass/fail, 10 % disagree", 0.05, "better", 0.05),
    ("judge with five grades", 0.05, "better", 0.05),
    ("small differences", 0.03, "better", 0.05),
    ("clustered repeats", 0.1, "better", 0.05),
    ("pass/fail, 10 % disagree", 0.0, "not-worse", 0.05),
    ("judge with five grades", 0.0, "not-worse", 0.05),
    ("small differences", 0.0, "not-worse", 0.03),
    ("clustered repeats", 0.0, "not-worse", 0.05),
)
_LONGEST = 4000


def measure_needed(name: str, shift: float, goal: Goal, margin: float, runs: int) -> dict[str, Any]:
    """Return the cases that half and 80 % of runs need for the goal, and those of tests with a fixed number."""
    streams = [LAWS[name](np.random.default_rng([3, run]), _LONGEST, shift) for run in range(runs)]
    stops = [stop_of(stream, goal, margin) for stream in streams]
    variance = float(np.concatenate(streams).var())
    effect = shift + (margin if goal == "not-worse" else 0.0)
    needed = {"median": float(np.quantile(stops, 0.5)), "most": float(np.quantile(stops, 0.8))}
    mcnemar = _mcnemar(streams, shift) if goal == "better" and name.startswith("pass/fail") else None
    t_test = (_Z_ALPHA + _Z_POWER) ** 2 * variance / effect**2 + _Z_ALPHA**2 / 2
    return {"law": name, "shift": shift, "goal": goal, "margin": margin, **needed, "t_test": math.ceil(t_test),
            "mcnemar": mcnemar}  # fmt: skip


def stop_of(stream: Differences, goal: Goal, margin: float) -> float:
    """Return after how many cases a run reaches its goal; infinite if it does not, or is decided otherwise."""
    comparison = PairedComparison(goal, margin)
    for number, difference in enumerate(stream.tolist(), 1):
        comparison.add(difference)
        if comparison.decided:
            return number if reaches(comparison.conclusion, goal) else math.inf
    return math.inf


def _mcnemar(streams: list[Differences], shift: float) -> int:
    """Return the pairs that McNemar's test needs (Connor, 1987, Biometrics 43: 207-211)."""
    disagree = float(np.mean([np.abs(stream).mean() for stream in streams]))
    root = _Z_ALPHA * math.sqrt(disagree) + _Z_POWER * math.sqrt(disagree - shift**2)
    return math.ceil(root**2 / shift**2)


def show_errors(row: dict[str, Any]) -> None:
    figures = [f"{row[name]:.1%}" for name in ("false_better", "t_test", "false_not_worse", "covered")]
    print(f"{row['law']:26}" + "".join(f"{figure:>17}" for figure in figures), flush=True)


def show_needed(row: dict[str, Any]) -> None:
    aim = "better" if row["goal"] == "better" else f"≥ -{100 * row['margin']:g} pp"
    figures = (f"{row['median']:.0f}", f"{row['most']:.0f}", row["t_test"], row["mcnemar"] or "–")
    shift = f"{100 * row['shift']:+g} pp"
    print(f"{row['law']:26}{shift:>8}{aim:>10}" + "".join(f"{each:>12}" for each in figures), flush=True)


def table_rows(errors: list[dict[str, Any]], needed: list[dict[str, Any]], process_s: float) -> list[Row]:
    """Return the worst figures of all laws, and the cases needed relative to a paired t-test."""
    watched = max(row["t_test"] for row in errors)
    ratio = float(np.exp(np.mean([math.log(row["most"] / row["t_test"]) for row in needed])))
    return [
        Row("evaluation: false better, watched, worst law", "of runs",
            max(row["false_better"] for row in errors), "low", watched, "t-test, watched", limit=0.05),
        Row("evaluation: -5 pp passed as not worse than -3 pp, worst law", "of runs",
            max(row["false_not_worse"] for row in errors), "low", limit=0.05),
        Row("evaluation: interval always covers, worst law", "of runs", min(row["covered"] for row in errors), "high",
            limit=0.94),
        Row("evaluation: cases needed by 80 % of runs", "× t-test", ratio, "low", 1.0, "fixed t-test",
            item="all", process_s=process_s),
    ]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=400)
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--json", action="store_true")
    add_rows_option(parser)
    options = parser.parse_args()
    start = time.process_time()
    if not options.json:
        print(f"{'law':26}{'false better':>17}{'t-test':>17}{'false not worse':>17}{'covered':>17}")
    errors = []
    for name in LAWS:
        errors.append(measure_errors(name, options.runs, options.cases))
        if not options.json:
            show_errors(errors[-1])
    if not options.json:
        print(f"\n{'law':26}{'truth':>8}{'goal':>10}{'median':>12}{'80 %':>12}{'t-test':>12}{'McNemar':>12}")
    needed = []
    for scenario in SCENARIOS:
        needed.append(measure_needed(*scenario, max(100, options.runs // 5)))
        if not options.json:
            show_needed(needed[-1])
    if options.json:
        print(json.dumps({"errors": errors, "needed": needed}))
    write_rows(options.rows, table_rows(errors, needed, time.process_time() - start))


if __name__ == "__main__":
    main()
