"""Simulated rollouts: values of both arms, assessed after every 25 values of the candidate, until the end.

`python -m tests.support.rollout_runs` prints the table of docs/statistics.md.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import UUID

import numpy as np
import numpy.typing as npt

from gatekeeper.domain.rollout import MetricSums, Rollout
from gatekeeper.domain.rollout_plan import ALL, GuardedMetric, RolloutPlan, Step
from gatekeeper.domain.rollout_progression import decide_next_change
from shared.statistics.two_arms import ArmSums
from shared.statistics.unit_groups import GROUPS, UnitSums

Values = npt.NDArray[np.float64]
Law = Callable[[np.random.Generator, Values, float], Values]
"""Draws a value for each level of a user (standard normal), for a difference from the base (0 for the base itself)."""
LOOK = 25
MOST = 6_000
"""Values of the candidate in one step after which a run is undecided."""
_ID = UUID(int=0)
NOW = datetime(2026, 1, 1, tzinfo=UTC)
WEIGHTS = (500, 2_500, 5_000)
STEPS = tuple(Step(weight, 100, 0) for weight in WEIGHTS)
PLAN = RolloutPlan("user", STEPS, (GuardedMetric("quality", 300),))


def shares(rate: float, random: np.random.Generator, levels: Values, difference: float) -> Values:
    """Draw zeros and ones of independent calls."""
    return (random.random(len(levels)) < rate + difference).astype(np.float64)


def judged(random: np.random.Generator, levels: Values, difference: float) -> Values:
    """Draw scores of a judge between 0 and 1: mean 0.75, standard deviation 0.19."""
    mean = 0.75 + difference
    return random.beta(mean * 4.2, (1.0 - mean) * 4.2, len(levels))


def seconds(random: np.random.Generator, levels: Values, difference: float) -> Values:
    """Draw negative logarithms of latencies with heavy tails; a difference of -0.1 is 10 % slower."""
    return -random.normal(0.0, 0.5, len(levels)) + difference


def scored_by_user(random: np.random.Generator, levels: Values, difference: float) -> Values:
    """Draw scores, a quarter of whose variance is between users."""
    return np.clip(0.7 + difference + 0.1 * levels + random.normal(0.0, 0.17, len(levels)), 0.0, 1.0)


def thumbs_by_user(random: np.random.Generator, levels: Values, difference: float) -> Values:
    """Draw thumbs, 80 % of which are up: half of the users like 60 % of their answers, the others all."""
    return (random.random(len(levels)) < 0.8 + difference + 0.2 * np.sign(levels)).astype(np.float64)


@dataclass(frozen=True, slots=True)
class Traffic:
    """What is measured, and of whom: new users with `calls` values each, or `population` users who return at random."""

    law: Law
    calls: int = 1
    population: int = 0
    bounded: bool = True


LAWS: dict[str, Traffic] = {
    "thumbs 80 %": Traffic(partial(shares, 0.8)),
    "judge 0–1": Traffic(judged),
    "errors 1 %": Traffic(lambda random, levels, difference: 1.0 - partial(shares, 0.01)(random, levels, -difference)),
    "errors 0.1 %": Traffic(
        lambda random, levels, difference: 1.0 - partial(shares, 0.001)(random, levels, -difference)
    ),
    "latency": Traffic(seconds, bounded=False),
    "thumbs, 5 calls a user": Traffic(thumbs_by_user, 5),
    "thumbs, 20 calls a user": Traffic(thumbs_by_user, 20),
    "scores, 5 calls a user": Traffic(scored_by_user, 5),
    "scores, 20 calls a user": Traffic(scored_by_user, 20),
    "scores, 2,000 users who return": Traffic(scored_by_user, population=2_000),
}


CLUSTERED = [name for name, traffic in LAWS.items() if traffic.calls > 1 or traffic.population]


@dataclass(frozen=True, slots=True)
class Run:
    """How a run ended, after how many values of the candidate."""

    end: str
    candidate: int


@dataclass(slots=True)
class Arm:
    """The values of an arm in a step."""

    n: int = 0
    total: float = 0.0
    squares: float = 0.0
    counts: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(GROUPS, np.int64))
    totals: Values = field(default_factory=lambda: np.zeros(GROUPS))

    def add(self, groups: npt.NDArray[np.int64], values: Values) -> None:
        self.n += len(values)
        self.total += float(values.sum())
        self.squares += float(np.square(values).sum())
        self.counts += np.bincount(groups, minlength=GROUPS)
        self.totals += np.bincount(groups, values, minlength=GROUPS)

    def sums(self, by_unit: bool) -> ArmSums:
        if not by_unit:
            return ArmSums(self.n, self.total, self.squares)
        filled = np.flatnonzero(self.counts)
        columns = zip(filled.tolist(), self.counts[filled].tolist(), self.totals[filled].tolist(), strict=True)
        return ArmSums(self.n, self.total, self.squares, {group: UnitSums(n, total) for group, n, total in columns})


@dataclass(slots=True)
class Users:
    """Draws who calls: the group and level of each call's user. The candidate's users have buckets below the weight."""

    traffic: Traffic
    random: np.random.Generator
    levels: Values = field(init=False)
    groups: npt.NDArray[np.int64] = field(init=False)

    def __post_init__(self) -> None:
        self.levels = self.random.normal(size=self.traffic.population)
        self.groups = self.random.integers(0, GROUPS, self.traffic.population)

    def draw(self, n: int, weight: int, candidate: bool) -> tuple[npt.NDArray[np.int64], Values]:
        population, calls = self.traffic.population, self.traffic.calls
        if population:
            limit = population * weight // ALL
            who = self.random.integers(*((0, limit) if candidate else (limit, population)), n)
            return self.groups[who], self.levels[who]
        users = -(-n // calls)
        groups, levels = self.random.integers(0, GROUPS, users), self.random.normal(size=users)
        return np.repeat(groups, calls)[:n], np.repeat(levels, calls)[:n]


def simulate(traffic: Traffic, difference: float, seed: int, plan: RolloutPlan = PLAN, fall: float = 0.0) -> Run:
    """Run one rollout. `fall`: by how much both arms get worse after the first step."""
    random = np.random.default_rng(seed)
    users = Users(traffic, random)
    measured: dict[tuple[int, str], MetricSums] = {}
    total, by_unit = 0, plan.unit != "execution"
    for number, step in enumerate(plan.steps):
        drift = 0.0 if number == 0 else -fall
        base, candidate = Arm(), Arm()
        per_look = round(LOOK * (ALL - step.weight) / step.weight)
        for _ in range(MOST // LOOK):
            total += LOOK
            for arm, n, shift in ((base, per_look, drift), (candidate, LOOK, drift + difference)):
                groups, levels = users.draw(n, step.weight, arm is candidate)
                arm.add(groups, traffic.law(random, levels, shift))
            arms = {"base": base.sums(by_unit), "candidate": candidate.sums(by_unit)}
            measured[number, "quality"] = MetricSums(traffic.bounded, arms)  # type: ignore[arg-type]
            phase = decide_next_change(at_step(plan, number), measured, False, NOW).phase
            if phase in ("harmful", "complete"):
                return Run(phase, total)
            if phase == "advance":
                break
        else:
            return Run("undecided", total)
    raise AssertionError("a plan ends")


def at_step(plan: RolloutPlan, step: int) -> Rollout:
    """Return a running rollout in a step."""
    weight = plan.steps[step].weight
    digests = ("b", "c")
    since = NOW - timedelta(seconds=60)
    return Rollout(
        _ID, _ID, _ID, "acme", "production", "answer", "bot", *digests, plan, "p", since, 1, "running", step, weight,
        since, since, "gatekeeper", "", "",
    )  # fmt: skip


def row(name: str, difference: float, runs: int, fall: float = 0.0) -> dict[str, float]:
    """Return shares of ends in per cent, and the median and 90th percentile of values until the most frequent end.

    Users with one call each are independent, so their sums by groups are left out, which is faster.
    """
    plan = PLAN if name in CLUSTERED else replace(PLAN, unit="execution")
    found = [simulate(LAWS[name], difference, seed, plan, fall) for seed in range(runs)]
    ends = {end: [run.candidate for run in found if run.end == end] for end in ("harmful", "complete", "undecided")}
    most = max(ends.values(), key=len)
    median, tail = (float(np.percentile(most, at)) for at in (50, 90))
    return {
        **{end: 100.0 * len(values) / runs for end, values in ends.items()},
        "median": median,
        "p90": tail,
        "within_200": 100.0 * sum(value <= 200 for value in ends["harmful"]) / runs,
    }


ROWS: tuple[tuple[str, float, float], ...] = (
    *((name, 0.0, 0.0) for name in LAWS),
    ("thumbs 80 %", 0.0, 0.1),
    ("judge 0–1", 0.0, 0.1),
    *((name, -0.05, 0.0) for name in ("thumbs 80 %", "judge 0–1", *CLUSTERED)),
    *((name, -0.10, 0.0) for name in ("thumbs 80 %", "judge 0–1", "latency", *CLUSTERED)),
    ("errors 1 %", -0.04, 0.0),
    *((name, 0.05, 0.0) for name in ("thumbs 80 %", "judge 0–1")),
)
"""Traffic, difference of the candidate, and fall of both arms after the first step."""


def main() -> None:
    for name, difference, fall in ROWS:
        found = row(name, difference, 250, fall=fall)
        what = f"{name}, both fall by {100 * fall:g} pp" if fall else name
        ends = " | ".join(f"{found[key]:.1f}" for key in ("harmful", "complete", "undecided"))
        times = f"{found['median']:,.0f} | {found['p90']:,.0f} | {found['within_200']:.0f}"
        print(f"| {what} | {100 * difference:+g} | {ends} | {times} |", flush=True)


if __name__ == "__main__":
    main()
