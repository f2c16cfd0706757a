"""What the evaluation of a proposal has to show, and what it says at its end."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from ratchet_evaluation.domain.contamination import ExcludedCase
from ratchet_evaluation.domain.evaluation import EvaluationResult
from ratchet_evaluation.domain.judges.agreement_with_people import JudgeFigures
from ratchet_evaluation.domain.settings import RunSettings
from ratchet_evaluation.domain.statistics.comparison import Goal
from ratchet_evaluation.domain.statistics.error_budget import attempt_level
from shared.events.evaluation import EvaluationVerdict
from shared.events.proposals import ProposalKind

_FIXES: frozenset[ProposalKind] = frozenset({"restore", "rollback", "instruction"})
_MARGIN = 0.05


@dataclass(frozen=True, slots=True)
class VerdictSummary:
    """A result in short. `cases` are the independent ones that counted; the difference is candidate minus base."""

    verdict: EvaluationVerdict
    reason: str
    cases: int
    excluded: int
    difference: float | None
    low: float | None
    high: float | None


def settings_for(kind: ProposalKind, repeats: int, attempt: int = 1) -> RunSettings:
    """Return the settings for a proposal: a fix must be better than its base, an edit not worse by over 5 points.

    `attempt`, from 1: each one has to show more than those before, which did not pass.
    """
    goal: Goal = "better" if kind in _FIXES else "not-worse"
    return RunSettings(goal=goal, margin=_MARGIN, repeats=repeats, level=attempt_level(attempt))


def settings_with_judges(settings: RunSettings) -> RunSettings:
    """Return the settings of a run that judges decide, too, and whose verdict without them may stand instead.

    It may pass in two ways, so each has half of the error: together they pass as rarely wrongly as one without judges.
    """
    return replace(settings, level=1.0 - (1.0 - settings.level) / 2.0)


def settings_from_json(stored: Mapping[str, Any]) -> RunSettings:
    """Return stored settings."""
    return RunSettings(**{field.name: stored[field.name] for field in fields(RunSettings)})


def summarise(
    result: EvaluationResult, excluded: Sequence[ExcludedCase], judges: Sequence[JudgeFigures] = ()
) -> VerdictSummary:
    """Return the summary of a result."""
    comparison = result.comparison
    reasons = [check.reason for check in result.checks]
    if comparison is None:
        reasons.append(_without_base(result))
    reasons.extend(_about_judge(each) for each in judges if each.dropped or each.decides)
    interval = result.pass_rate.interval if comparison is None else comparison.difference
    known = comparison is not None and interval.mean is not None
    return VerdictSummary(
        result.verdict,
        "; ".join(reasons),
        interval.n,
        len(excluded),
        interval.mean if known else None,
        interval.low if known else None,
        interval.high if known else None,
    )


def _about_judge(figures: JudgeFigures) -> str:
    """Return whether the verdict rests on a judge, with its agreement with people."""
    return f"{'without' if figures.dropped else 'with'} the judge {figures.judge.name}: {figures.reason}"


def _without_base(result: EvaluationResult) -> str:
    mean = result.pass_rate.interval.mean
    shown = "no case has a known result" if mean is None else f"{mean:.1%} of cases pass"
    return f"nothing to compare a first version with; {shown}"
