"""An evaluation as it proceeds: clusters of cases in a fixed order, the comparison, and the result at its end."""

from collections.abc import Sequence
from dataclasses import dataclass

from ratchet_evaluation.domain.outcomes import (
    PASS,
    CaseOutcome,
    EvaluationArm,
    cluster_difference,
    cluster_value,
    mean_of,
)
from ratchet_evaluation.domain.settings import RunSettings
from ratchet_evaluation.domain.statistics.comparison import ComparisonResult, PairedComparison
from ratchet_evaluation.domain.statistics.wealth import MeanInterval, estimate_mean
from ratchet_evaluation.domain.verdict import (
    EvaluationCheck,
    PassRate,
    ProtectedCases,
    Verdict,
    checks_of,
    combine_checks,
    find_new_failures,
    measure_pass_rate,
)


@dataclass(frozen=True, slots=True)
class MetricSummary:
    """Means of a metric (0 worst, 1 best) over clusters, and their difference. No verdict follows from it."""

    name: str
    candidate: float | None
    baseline: float | None
    difference: MeanInterval | None
    unknown: int


@dataclass(frozen=True, slots=True)
class EvaluationResult:
    """The result of a run. `not_run` counts the cases that were not needed any more."""

    verdict: Verdict
    checks: tuple[EvaluationCheck, ...]
    comparison: ComparisonResult | None
    pass_rate: PassRate
    baseline_pass_rate: PassRate | None
    protected: ProtectedCases
    metrics: tuple[MetricSummary, ...]
    tags: tuple[MetricSummary, ...]
    outcomes: tuple[CaseOutcome, ...]
    not_run: int


class RunningEvaluation:
    """Accumulates outcomes. Clusters are added in an order that says nothing about them (`shuffled_clusters`)."""

    def __init__(self, settings: RunSettings, has_baseline: bool) -> None:
        self.settings, self.has_baseline = settings, has_baseline
        self._comparison = PairedComparison(settings.goal, settings.margin, settings.level)
        self._clusters: list[Sequence[CaseOutcome]] = []
        self._extra: list[CaseOutcome] = []

    @property
    def finished(self) -> bool:
        """Whether no more cases are needed, apart from protected ones."""
        return self.has_baseline and self.settings.stops_early and self._comparison.decided

    def add_cluster(self, outcomes: Sequence[CaseOutcome]) -> None:
        """Add the outcomes of a cluster."""
        self._clusters.append(outcomes)
        if self.has_baseline:
            self._comparison.add(cluster_difference(outcomes, self.settings.metric))

    def add_protected(self, outcome: CaseOutcome) -> None:
        """Add a case that was run for its check only, after the comparison was decided."""
        self._extra.append(outcome)

    def result(self, cases: int) -> EvaluationResult:
        """Return the result of a run of a set with this number of cases."""
        outcomes = [outcome for cluster in self._clusters for outcome in cluster] + self._extra
        comparison = self._comparison.result() if self.has_baseline else None
        rate = measure_pass_rate(self._clusters)
        protected = find_new_failures(outcomes, self.has_baseline)
        checks = checks_of(self.settings, comparison, rate, protected)
        names = {name for outcome in outcomes for name in outcome.score_names}
        tags = sorted({tag for outcome in outcomes for tag in outcome.case.tags})
        return EvaluationResult(
            combine_checks(checks),
            checks,
            comparison,
            rate,
            measure_pass_rate(self._clusters, "baseline") if self.has_baseline else None,
            protected,
            tuple(self._summary(name, name, self._clusters) for name in sorted(names)),
            tuple(self._summary(tag, PASS, self._with_tag(tag)) for tag in tags),
            tuple(sorted(outcomes, key=lambda outcome: outcome.case.id)),
            cases - len(outcomes),
        )

    def _with_tag(self, tag: str) -> list[list[CaseOutcome]]:
        """Return the clusters with only their cases of a tag."""
        found = ([outcome for outcome in cluster if tag in outcome.case.tags] for cluster in self._clusters)
        return [cluster for cluster in found if cluster]

    def _summary(self, name: str, metric: str, clusters: Sequence[Sequence[CaseOutcome]]) -> MetricSummary:
        def mean(arm: EvaluationArm) -> float | None:
            return mean_of([cluster_value(cluster, arm, metric) for cluster in clusters])

        differences = [cluster_difference(cluster, metric) for cluster in clusters]
        known = [each for each in differences if each is not None]
        unknown = sum(
            outcome.value("candidate", metric) is None and _has(outcome, metric)
            for cluster in clusters
            for outcome in cluster
        )
        baseline = mean("baseline") if self.has_baseline else None
        return MetricSummary(
            name, mean("candidate"), baseline, estimate_mean(known) if self.has_baseline else None, unknown
        )


def _has(outcome: CaseOutcome, metric: str) -> bool:
    return metric == PASS or metric in outcome.score_names
