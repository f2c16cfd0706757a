"""Simulated rollouts: values of both arms, assessed after every 25 values of the candidate, until the end.

`python -m tests.support.rollout_runs` prints the table of docs/statistics.md.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import UUID

import numpy as np
import numpy.typing as npt

from gatekeeper.domain.rollout import MetricSums, Rollout
from gatekeeper.domain.rollout_assessment import assess
from gatekeeper.domain.rollout_plan import ALL, GuardedMetric, RolloutPlan, Step
from shared.statistics.two_arms import ArmSums

Values = npt.NDArray[np.float64]
Law = Callable[[np.random.Generator, int, float], Values]
"""Draws values, for a difference from the base (0 for the base itself)."""
LOOK = 25
MOST = 6_000
"""Values of the candidate in one step after which a run is undecided."""
_ID = UUID(int=0)
_NOW = datetime(2026, 1, 1, tzinfo=UTC)
WEIGHTS = (500, 2_500, 5_000)
PLAN = RolloutPlan("execution", tuple(Step(weight, 100, 0) for weight in WEIGHTS), (GuardedMetric("quality", 300),))


def shares(rate: float, random: np.random.Generator, n: int, difference: float) -> Values:
    """Draw zeros and ones."""
    return (random.random(n) < rate + difference).astype(np.float64)


def judged(random: np.random.Generator, n: int, difference: float) -> Values:
    """Draw scores of a judge between 0 and 1: mean 0.75, standard deviation 0.19."""
    mean = 0.75 + difference
    return random.beta(mean * 4.2, (1.0 - mean) * 4.2, n)


def seconds(random: np.random.Generator, n: int, difference: float) -> Values:
    """Draw negative logarithms of latencies with heavy tails; a difference of -0.1 is 10 % slower."""
    return -random.normal(0.0, 0.5, n) + difference


def by_user(random: np.random.Generator, n: int, difference: float) -> Values:
    """Draw scores of users with 5 calls each and a level of their own: a quarter of the variance is between users."""
    levels = np.repeat(random.normal(0.0, 0.1, n // 5 + 1), 5)[:n]
    return np.clip(0.7 + difference + levels + random.normal(0.0, 0.17, n), 0.0, 1.0)


LAWS: dict[str, Law] = {
    "thumbs 80 %": partial(shares, 0.8),
    "judge 0–1": judged,
    "errors 1 %": lambda random, n, difference: 1.0 - partial(shares, 0.01)(random, n, -difference),
    "errors 0.1 %": lambda random, n, difference: 1.0 - partial(shares, 0.001)(random, n, -difference),
    "latency": seconds,
    "5 calls a user": by_user,
}


@dataclass(frozen=True, slots=True)
class Run:
    """How a run ended, after how many values of the candidate."""

    end: str
    candidate: int


def simulate(law: Law, difference: float, seed: int, plan: RolloutPlan = PLAN, fall: float = 0.0) -> Run:
    """Run one rollout. `fall`: by how much both arms get worse after the first step."""
    random = np.random.default_rng(seed)
    measured: dict[tuple[int, str], MetricSums] = {}
    total = 0
    for number, step in enumerate(plan.steps):
        drift = 0.0 if number == 0 else -fall
        sums = {"base": ArmSums(), "candidate": ArmSums()}
        per_look = round(LOOK * (ALL - step.weight) / step.weight)
        for _ in range(MOST // LOOK):
            total += LOOK
            sums["base"] = _more(sums["base"], law(random, per_look, drift))
            sums["candidate"] = _more(sums["candidate"], law(random, LOOK, drift + difference))
            arms = {"base": sums["base"], "candidate": sums["candidate"]}
            measured[number, "quality"] = MetricSums(law is not seconds, arms)  # type: ignore[arg-type]
            phase = assess(_rollout(plan, number), measured, False, _NOW).phase
            if phase in ("harmful", "complete"):
                return Run(phase, total)
            if phase == "advance":
                break
        else:
            return Run("undecided", total)
    raise AssertionError("a plan ends")


def _more(sums: ArmSums, values: Values) -> ArmSums:
    return ArmSums(
        sums.n + len(values), sums.total + float(values.sum()), sums.squares + float(np.square(values).sum())
    )


def _rollout(plan: RolloutPlan, step: int) -> Rollout:
    weight = plan.steps[step].weight
    digests = ("b", "c")
    since = _NOW - timedelta(seconds=60)
    return Rollout(
        _ID, _ID, _ID, "acme", "production", "answer", "bot", *digests, plan, "p", since, 1, "running", step, weight,
        since, since, "gatekeeper", "", "",
    )  # fmt: skip


def row(name: str, difference: float, runs: int, plan: RolloutPlan = PLAN, fall: float = 0.0) -> dict[str, float]:
    """Return shares of ends in per cent, and the median and 90th percentile of values until the most frequent end."""
    found = [simulate(LAWS[name], difference, seed, plan, fall) for seed in range(runs)]
    ends = {end: [run.candidate for run in found if run.end == end] for end in ("harmful", "complete", "undecided")}
    most = max(ends.values(), key=len)
    median, tail = (float(np.percentile(most, at)) for at in (50, 90))
    return {**{end: 100.0 * len(values) / runs for end, values in ends.items()}, "median": median, "p90": tail}


ROWS: tuple[tuple[str, float, float], ...] = (
    *((name, 0.0, 0.0) for name in LAWS),
    ("thumbs 80 %", 0.0, 0.1),
    ("judge 0–1", 0.0, 0.1),
    *((name, -0.05, 0.0) for name in ("thumbs 80 %", "judge 0–1", "5 calls a user")),
    *((name, -0.10, 0.0) for name in ("thumbs 80 %", "judge 0–1", "latency", "5 calls a user")),
    ("errors 1 %", -0.04, 0.0),
    *((name, 0.05, 0.0) for name in ("thumbs 80 %", "judge 0–1")),
)
"""Law, difference of the candidate, and fall of both arms after the first step."""


def main() -> None:
    for name, difference, fall in ROWS:
        found = row(name, difference, 250, fall=fall)
        what = f"{name}, both fall by {100 * fall:g} pp" if fall else name
        shown = " | ".join(f"{found[key]:.1f}" for key in ("harmful", "complete", "undecided"))
        print(f"| {what} | {100 * difference:+g} | {shown} | {found['median']:,.0f} | {found['p90']:,.0f} |")


if __name__ == "__main__":
    main()
