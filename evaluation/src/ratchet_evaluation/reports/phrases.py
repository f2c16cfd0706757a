"""Rows and sentences that the reports for people share."""

from collections.abc import Iterator
from dataclasses import dataclass

from ratchet_evaluation.domain.evaluation import MetricSummary
from ratchet_evaluation.domain.judges.spend import JudgeSpend
from ratchet_evaluation.domain.outcomes import CaseOutcome
from ratchet_evaluation.domain.report import EvaluationReport
from ratchet_evaluation.domain.statistics.wealth import LEVEL, MeanInterval
from ratchet_evaluation.domain.verdict import PassRate


@dataclass(frozen=True, slots=True)
class SummaryRow:
    """One row of the table: a metric or tag, both prompts, and their difference with its interval."""

    name: str
    candidate: str
    baseline: str
    difference: str
    n: int
    unknown: int


def heading(report: EvaluationReport) -> str:
    """Return the verdict with what it is about."""
    compared = f" compared with {short(report.baseline.digest)}" if report.baseline else ""
    return f"{report.result.verdict}: prompt {short(report.candidate.digest)}{compared} on {report.dataset}"


def about(report: EvaluationReport) -> Iterator[str]:
    """Yield sentences about the cases and how they were counted."""
    result, golden_set = report.result, report.golden_set
    run = len(result.outcomes)
    clusters = len(golden_set.clusters)
    dependent = "" if clusters == len(golden_set.cases) else f" ({clusters} independent)"
    yield f"{run} of {len(golden_set.cases)} cases{dependent}, {_repeats(report.settings.repeats)} each"
    if result.not_run:
        yield f"{result.not_run} cases were not needed: the comparison was decided"
    if report.excluded:
        yield f"{len(report.excluded)} cases were left out: the candidate was made from them, or from nearly equal ones"
    comparison = result.comparison
    if comparison:
        left_out = f", {comparison.left_out} left out as unknown" if comparison.left_out else ""
        counts = f"{comparison.wins} better, {comparison.ties} equal, {comparison.losses} worse{left_out}"
        yield f"{report.settings.metric}: {counts}; difference {difference(comparison.difference)}"
        if report.settings.level > LEVEL:
            level = f"{100 * report.settings.level:.5g} %"
            yield f"that interval is at {level}, because earlier evaluations of this change did not pass"
    for each in report.judges:
        judged = each.count_answers(result.outcomes)
        missing = f"; {judged.unknown} answers unknown" if judged.unknown else ""
        missing += f"; {judged.not_judged} answers not judged" if judged.not_judged else ""
        yield f"{each.judge.score_name} ({each.judge.model}, {short(each.judge.digest)}): {each.reason}{missing}"
    if report.judge_spend is not None:
        yield f"judges used {spend(report.judge_spend)}"
    failures = [outcome for outcome in result.outcomes if outcome.unanswered("candidate")]
    if failures:
        yield f"the app did not answer {len(failures)} cases with the candidate"
    if report.near_duplicates:
        yield f"{len(report.near_duplicates)} pairs of cases are nearly equal: `ratchet dataset` lists them"


def summary_rows(report: EvaluationReport) -> list[SummaryRow]:
    """Return the rows of the table: the pass rate, each evaluator, and the pass rate of each tag."""
    result = report.result
    comparison = result.comparison
    passes = SummaryRow(
        "pass rate",
        _rate(result.pass_rate),
        _rate(result.baseline_pass_rate),
        difference(comparison.difference) if comparison and report.settings.metric == "pass" else "",
        result.pass_rate.interval.n,
        result.pass_rate.unknown,
    )
    shown_only = {each.judge.score_name for each in report.judges if not each.decides}
    metrics = (
        _row(f"{each.name} (does not decide)" if each.name in shown_only else each.name, each)
        for each in result.metrics
    )
    return [passes, *metrics, *(_row(f"pass rate of {each.name}", each) for each in result.tags)]


def failed_cases(report: EvaluationReport) -> list[CaseOutcome]:
    """Return the cases that the candidate fails in any repeat; new failures first."""
    failed = [outcome for outcome in report.result.outcomes if fails(outcome)]
    return sorted(failed, key=lambda outcome: (not is_new_failure(outcome), outcome.case.id))


def fails(outcome: CaseOutcome) -> bool:
    """Return whether any answer of the candidate fails."""
    return any(answer.passed is False for answer in outcome.answers["candidate"])


def is_new_failure(outcome: CaseOutcome) -> bool:
    """Return whether the candidate fails a case that the baseline passes in all repeats."""
    before = outcome.answers.get("baseline", ())
    return fails(outcome) and bool(before) and all(answer.passed for answer in before)


def failure_reasons(outcome: CaseOutcome) -> list[str]:
    """Return why the candidate fails a case: the app's failure, or the evaluators that did not pass."""
    found: dict[str, None] = {}
    for scored in outcome.answers["candidate"]:
        if scored.answer.failure:
            found[f"{scored.answer.failure.kind}: {scored.answer.failure.message}"] = None
            continue
        for score in scored.scores:
            if score.passed is False:
                found[score.name if score.value in (None, 0.0) else f"{score.name} {score.value:.3g}"] = None
    return list(found)


def spend(used: JudgeSpend) -> str:
    """Return a sentence about what judges used."""
    cost = "cost unknown" if used.usd is None else f"${used.usd:.4f}"
    return f"{used.calls:,} calls, {used.tokens:,} tokens, {cost}"


def difference(interval: MeanInterval) -> str:
    """Return a difference of shares with its interval, in percentage points."""
    if interval.mean is None:
        return "unknown"
    ends = f"[{_pp(interval.low)}, {_pp(interval.high)}]"
    return f"{_pp(interval.mean)} pp {ends}"


def share(value: float | None) -> str:
    """Return a share as a percentage."""
    return "–" if value is None else f"{value:.1%}"


def short(digest: str) -> str:
    """Return the start of a digest."""
    return digest.removeprefix("sha256:")[:12]


def _pp(value: float) -> str:
    return f"{100 * value:+.1f}"


def _rate(rate: PassRate | None) -> str:
    if rate is None or rate.interval.mean is None:
        return "–"
    return f"{share(rate.interval.mean)} [{share(rate.interval.low)}, {share(rate.interval.high)}]"


def _row(name: str, summary: MetricSummary) -> SummaryRow:
    n = summary.difference.n if summary.difference else 0
    shown = difference(summary.difference) if summary.difference else ""
    return SummaryRow(name, share(summary.candidate), share(summary.baseline), shown, n, summary.unknown)


def _repeats(number: int) -> str:
    return "one answer" if number == 1 else f"{number} answers"
