"""The plan of a run: its tasks in their order, and which of them may be leased."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate

from evaluator.domain.probe_scope import ProbeScope
from ratchet_evaluation.domain.cases import GoldenCase
from ratchet_evaluation.domain.golden_set import GoldenSet
from ratchet_evaluation.domain.outcomes import EvaluationArm


@dataclass(frozen=True, slots=True)
class PlannedTask:
    """One call of the app: a case, answered with the prompt of an arm. `ordinal` is its position in the run.

    `protected`: it is needed even after the comparison is decided.
    """

    ordinal: int
    cluster: int
    case_id: str
    arm: EvaluationArm
    repeat: int
    protected: bool


@dataclass(frozen=True, slots=True)
class TaskWindow:
    """The tasks that may be leased: ordinals before `until`, and with `protected` all of protected cases."""

    until: int
    protected: bool = False


@dataclass(frozen=True)
class RunPlan:
    """Clusters in the order in which they are counted; each case is answered `repeats` times by each arm."""

    clusters: tuple[tuple[GoldenCase, ...], ...]
    arms: tuple[EvaluationArm, ...]
    repeats: int

    @property
    def has_baseline(self) -> bool:
        return "baseline" in self.arms

    @property
    def cases(self) -> int:
        return sum(map(len, self.clusters))

    def tasks(self) -> Iterator[PlannedTask]:
        """Yield all tasks. The arms answer a case one after the other, so that time affects both alike."""
        ordinal = 0
        for index, cluster in enumerate(self.clusters):
            for case in cluster:
                for repeat in range(self.repeats):
                    for arm in self.arms:
                        yield PlannedTask(ordinal, index, case.id, arm, repeat, case.protected)
                        ordinal += 1

    def window(self, counted: int, ahead: int) -> TaskWindow:
        """Return the window with at least `ahead` tasks after the first `counted` clusters, in whole clusters."""
        starts = self._starts
        wanted = bisect_left(starts, starts[counted] + ahead)
        return TaskWindow(starts[min(wanted, len(self.clusters))])

    def first_task(self, cluster: int) -> int:
        """Return the ordinal of a cluster's first task; for the number of clusters, that of tasks."""
        return self._starts[cluster]

    @cached_property
    def _starts(self) -> list[int]:
        each = self.repeats * len(self.arms)
        return [0, *accumulate(len(cluster) * each for cluster in self.clusters)]


def plan_run(kept: GoldenSet, candidate: str, base: str | None, repeats: int) -> RunPlan:
    """Return the plan of a run of two digests on the cases that are not left out.

    The order of clusters depends on contents only: it says nothing about the cases, and is the same for every repeat
    of the run.
    """
    arms: tuple[EvaluationArm, ...] = ("candidate",) if base is None else ("baseline", "candidate")
    return RunPlan(tuple(kept.shuffled_clusters(candidate, base or "")), arms, repeats)


def plan_probe(kept: GoldenSet, probe: ProbeScope, repeats: int) -> RunPlan:
    """Return the plan of a probe: the first clusters in the order of its bisection."""
    clusters = kept.shuffled_clusters(str(probe.bisection_id))[: probe.clusters]
    return without_protection(RunPlan(tuple(clusters), ("baseline", "candidate"), repeats))


def without_protection(plan: RunPlan) -> RunPlan:
    """Return a plan without protected cases: a probe asks only how much worse the answers are."""
    clusters = tuple(tuple(replace(case, protected=False) for case in cluster) for cluster in plan.clusters)
    return replace(plan, clusters=clusters)


def restore_plan(
    golden_set: GoldenSet, order: Sequence[tuple[int, str]], arms: tuple[EvaluationArm, ...], repeats: int
) -> RunPlan:
    """Return a stored plan: `order` has the cluster and the id of each case, in the order of the run.

    Raises KeyError for a case that is not in the set.
    """
    cases = {case.id: case for case in golden_set.cases}
    clusters: list[list[GoldenCase]] = []
    for cluster, case_id in order:
        if cluster == len(clusters):
            clusters.append([])
        clusters[cluster].append(cases[case_id])
    return RunPlan(tuple(map(tuple, clusters)), arms, repeats)
