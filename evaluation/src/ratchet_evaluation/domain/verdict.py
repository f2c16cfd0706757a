"""The verdict of an evaluation: pass, fail or inconclusive, with the checks that it follows from."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ratchet_evaluation.domain.outcomes import PASS, CaseOutcome, cluster_value, mean_of
from ratchet_evaluation.domain.settings import RunSettings
from ratchet_evaluation.domain.statistics.comparison import ComparisonResult, reaches
from ratchet_evaluation.domain.statistics.wealth import LEVEL, MeanInterval, estimate_mean

Verdict = Literal["pass", "fail", "inconclusive"]
CheckName = Literal["comparison", "pass rate", "protected cases"]
Clusters = Sequence[Sequence[CaseOutcome]]


@dataclass(frozen=True, slots=True)
class EvaluationCheck:
    """One thing that the candidate has to show, with the answer and why."""

    name: CheckName
    verdict: Verdict
    reason: str


@dataclass(frozen=True, slots=True)
class PassRate:
    """Share of passed cases, mean over clusters, with bounds by what the unknown cases could be."""

    interval: MeanInterval
    lowest: float
    highest: float
    unknown: int


@dataclass(frozen=True, slots=True)
class ProtectedCases:
    """Ids of protected cases that fail newly, and of those about which that is unknown; and their number."""

    total: int
    new_failures: tuple[str, ...]
    unknown: tuple[str, ...]


def combine_checks(checks: Sequence[EvaluationCheck]) -> Verdict:
    """Return fail if any check fails, else inconclusive if any is, else pass."""
    found = {check.verdict for check in checks}
    return "fail" if "fail" in found else "pass" if found == {"pass"} else "inconclusive"


def check_comparison(result: ComparisonResult) -> EvaluationCheck:
    """Return whether the comparison reached its goal."""
    better, close = "better than the baseline", f"at most {points(result.margin)} worse than the baseline"
    if reaches(result.conclusion, result.goal):
        return EvaluationCheck(
            "comparison", "pass", f"shown to be {better if result.conclusion == 'better' else close}"
        )
    if result.conclusion == "worse":
        return EvaluationCheck("comparison", "fail", "shown to be worse than the baseline")
    if result.needed is None:
        needed = "no number of cases like these would show it"
    else:
        needed = f"about {result.needed} independent cases needed, if the others are like these"
    reason = f"not shown to be {better if result.goal == 'better' else close}; {result.difference.n} counted, {needed}"
    return EvaluationCheck("comparison", "inconclusive", reason)


def measure_pass_rate(clusters: Clusters, arm: Literal["candidate", "baseline"] = "candidate") -> PassRate:
    """Return the pass rate of an arm over clusters."""
    known = [value for value in (cluster_value(cluster, arm, PASS) for cluster in clusters) if value is not None]
    scaled = estimate_mean([2.0 * value - 1.0 for value in known])
    mean = None if scaled.mean is None else (scaled.mean + 1.0) / 2.0
    interval = MeanInterval(scaled.n, mean, (scaled.low + 1.0) / 2.0, (scaled.high + 1.0) / 2.0, LEVEL)
    unknown = sum(outcome.value(arm, PASS) is None for cluster in clusters for outcome in cluster)
    lowest, highest = (_filled_rate(clusters, arm, value) for value in (0.0, 1.0))
    return PassRate(interval, lowest, highest, unknown)


def _filled_rate(clusters: Clusters, arm: Literal["candidate", "baseline"], unknown: float) -> float:
    """Return the pass rate if every unknown answer had the value `unknown`."""

    def filled(outcome: CaseOutcome) -> float | None:
        values = [answer.value(PASS) for answer in outcome.answers[arm]]
        return mean_of([unknown if value is None else value for value in values])

    return mean_of([mean_of([filled(outcome) for outcome in cluster]) for cluster in clusters]) or 0.0


def check_pass_rate(rate: PassRate, least: float) -> EvaluationCheck:
    """Return whether the share of passed cases is at least `least`, whatever the unknown ones are."""
    if rate.interval.mean is None:
        return EvaluationCheck("pass rate", "inconclusive", "no case has a known result")
    shown = f"{rate.interval.mean:.1%}"
    unknown = f", {rate.unknown} unknown" if rate.unknown else ""
    if rate.lowest >= least:
        return EvaluationCheck("pass rate", "pass", f"{shown} of cases pass, at least {least:.1%} required{unknown}")
    if rate.highest < least:
        return EvaluationCheck("pass rate", "fail", f"{shown} of cases pass, {least:.1%} required{unknown}")
    return EvaluationCheck("pass rate", "inconclusive", f"{shown} of known cases pass, {least:.1%} required{unknown}")


def find_new_failures(outcomes: Sequence[CaseOutcome], has_baseline: bool) -> ProtectedCases:
    """Return the protected cases that fail in any repeat, although the baseline passes in all of them."""
    protected = [outcome for outcome in outcomes if outcome.case.protected]
    failures: list[str] = []
    unknown: list[str] = []
    for outcome in protected:
        found = {answer.passed for answer in outcome.answers["candidate"]}
        before = {answer.passed for answer in outcome.answers["baseline"]} if has_baseline else {True}
        if found == {True} or False in before:
            continue
        (failures if False in found and before == {True} else unknown).append(outcome.case.id)
    return ProtectedCases(len(protected), tuple(failures), tuple(unknown))


def check_protected(found: ProtectedCases) -> EvaluationCheck:
    """Return whether no protected case fails newly."""
    if found.new_failures:
        return EvaluationCheck("protected cases", "fail", f"new failures: {_listed(found.new_failures)}")
    if found.unknown:
        return EvaluationCheck("protected cases", "inconclusive", f"unknown: {_listed(found.unknown)}")
    return EvaluationCheck("protected cases", "pass", f"none of {found.total} fails newly")


def checks_of(
    settings: RunSettings, comparison: ComparisonResult | None, rate: PassRate, protected: ProtectedCases
) -> tuple[EvaluationCheck, ...]:
    """Return the checks that a run with these settings has to pass."""
    found = []
    if comparison:
        found.append(check_comparison(comparison))
    if settings.min_pass_rate is not None:
        found.append(check_pass_rate(rate, settings.min_pass_rate))
    if protected.total:
        found.append(check_protected(protected))
    return tuple(found)


def points(share: float) -> str:
    """Return a share as percentage points."""
    return f"{100 * share:.3g} pp"


def _listed(ids: Sequence[str]) -> str:
    rest = len(ids) - 10
    return ", ".join(ids[:10]) + (f" and {rest} more" if rest > 0 else "")
