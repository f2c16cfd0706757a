"""Verdicts of rollouts beside a fixed-horizon test, GrowthBook's sequential test and a Kayenta-style judge.

    python -m benchmarks.rollout_verdicts [--runs 250] [--rows FILE]

Half of the traffic goes to the candidate, for at most 6,000 values of each arm, with a look after every 25. Thumbs of
users with 1, 5 or 20 calls each, a quarter of whose variance is between users; all judges get the same values.
"""

import argparse
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from benchmarks.peers.rollout_judges import JUDGES, Values
from benchmarks.rows import Row, add_rows_option, write_rows
from gatekeeper.domain.rollout import MetricSums
from gatekeeper.domain.rollout_plan import GuardedMetric, RolloutPlan, Step
from gatekeeper.domain.rollout_progression import decide_next_change
from tests.support.rollout_runs import LOOK, MOST, NOW, Arm, Traffic, Users, at_step, thumbs_by_user

_PLAN = RolloutPlan("user", (Step(5_000, 100, 0),), (GuardedMetric("quality", 300),))
_OURS = "Ratchet"
_LIMIT = 5.0


@dataclass(slots=True)
class Course:
    """The values of both arms so far, and how each judge ended, after how many values of the candidate."""

    base: Values = field(default_factory=lambda: np.zeros(0))
    candidate: Values = field(default_factory=lambda: np.zeros(0))
    arms: dict[str, Arm] = field(default_factory=lambda: {"base": Arm(), "candidate": Arm()})
    ends: dict[str, tuple[str, int]] = field(default_factory=dict)

    def look(self) -> None:
        """Let each judge decide that has not ended."""
        sums = {arm: found.sums(True) for arm, found in self.arms.items()}
        verdicts: dict[str, Callable[[], str | None]] = {
            _OURS: lambda: (
                decide_next_change(at_step(_PLAN, 0), {(0, "quality"): MetricSums(True, sums)}, False, NOW).phase  # type: ignore[arg-type]
            ),
            **{name: lambda judge=judge: judge(self.base, self.candidate) for name, judge in JUDGES.items()},  # type: ignore[misc]
        }
        for name, verdict in verdicts.items():
            if name not in self.ends and (found := verdict()) in ("harmful", "complete"):
                self.ends[name] = (str(found), len(self.candidate))


def run(calls: int, difference: float, seed: int) -> dict[str, tuple[str, int]]:
    """Return how each judge ends a rollout, after how many values; left out: undecided."""
    random = np.random.default_rng(seed)
    users, course = Users(Traffic(thumbs_by_user, calls), random), Course()
    for _ in range(MOST // LOOK):
        for arm, shift in (("base", 0.0), ("candidate", difference)):
            groups, levels = users.draw(LOOK, 5_000, arm == "candidate")
            values = thumbs_by_user(random, levels, shift)
            course.arms[arm].add(groups, values)
            setattr(course, arm, np.concatenate([getattr(course, arm), values]))
        course.look()
        if len(course.ends) == 1 + len(JUDGES):
            break
    return course.ends


def measure(calls: int, difference: float, wrong: str, runs: int) -> list[Row]:
    """Return the shares of wrong ends; `wrong` is the end that is."""
    found = [run(calls, difference, seed) for seed in range(runs)]
    shares = Counter(name for ends in found for name, (end, _) in ends.items() if end == wrong)
    what = "false rollbacks" if wrong == "harmful" else "wrong promotions"
    work = f"rollouts: {what}, candidate {100 * difference:+g} pp, {calls} calls a user"
    ours = 100.0 * shares[_OURS] / runs
    return [
        Row(f"{work}, beside {name}", "%", ours, "low", 100.0 * shares[name] / runs, name, limit=_LIMIT)
        for name in JUDGES
    ]


def measure_delay(calls: int, runs: int) -> list[Row]:
    """Return after how many values of the candidate a fall of 10 pp is rolled back: the median over all runs."""
    found = [run(calls, -0.1, seed) for seed in range(runs)]
    delays = {
        name: float(np.median([ends[name][1] if ends.get(name, ("", 0))[0] == "harmful" else np.inf for ends in found]))
        for name in (_OURS, *JUDGES)
    }
    work = f"rollouts: values until a fall of 10 pp is rolled back, {calls} calls a user"
    return [Row(f"{work}, beside {name}", "", delays[_OURS], "low", delays[name], name) for name in JUDGES]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=250)
    add_rows_option(parser)
    options = parser.parse_args()
    rows: list[Row] = []
    for calls in (1, 5, 20):
        for found in (
            measure(calls, 0.0, "harmful", options.runs),
            measure(calls, -0.05, "complete", options.runs),
            measure_delay(calls, options.runs),
        ):
            for row in found:
                print(f"{row.work}: {row.ours:.4g} {row.unit} ({row.peer_name}: {row.peer:.4g})", flush=True)
            rows += found
    write_rows(options.rows, rows)


if __name__ == "__main__":
    main()
