"""The report of an evaluation as JSON. Its digest is that of `content`, which has no times: same inputs, same one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ratchet.prompt import Prompt
from ratchet.prompt.canonical import canonical_bytes, digest_of
from ratchet_evaluation.domain.contamination import ExcludedCase
from ratchet_evaluation.domain.evaluation import EvaluationResult, MetricSummary
from ratchet_evaluation.domain.golden_set import GoldenSet
from ratchet_evaluation.domain.judges.agreement_with_people import JudgeFigures
from ratchet_evaluation.domain.judges.spend import JudgeSpend
from ratchet_evaluation.domain.near_duplicates import NearDuplicate
from ratchet_evaluation.domain.outcomes import CaseOutcome, EvaluationArm, ScoredAnswer, mean_of
from ratchet_evaluation.domain.settings import RunSettings
from ratchet_evaluation.domain.statistics.comparison import ComparisonResult
from ratchet_evaluation.domain.statistics.wealth import MeanInterval
from ratchet_evaluation.domain.verdict import PassRate

SCHEMA = "ratchet.evaluation/1"


@dataclass(frozen=True, slots=True)
class EvaluationReport:
    """A run with everything that its result depends on. `golden_set` has the `excluded` cases, too."""

    dataset: str
    golden_set: GoldenSet
    worker: str
    settings: RunSettings
    candidate: Prompt
    baseline: Prompt | None
    near_duplicates: Sequence[NearDuplicate]
    result: EvaluationResult
    excluded: tuple[ExcludedCase, ...] = ()
    judges: tuple[JudgeFigures, ...] = ()
    judge_spend: JudgeSpend | None = None

    def content(self) -> dict[str, Any]:
        """Return what the digest is about: inputs, answers, scores and verdict, without times and costs."""
        result = self.result
        return {
            "schema": SCHEMA,
            "dataset": {"name": self.dataset, "digest": self.golden_set.digest, "cases": len(self.golden_set.cases),
                        "clusters": len(self.golden_set.clusters)},
            "worker": self.worker,
            "candidate": self.candidate.digest,
            "baseline": self.baseline.digest if self.baseline else None,
            "settings": self.settings.to_json(),
            "verdict": result.verdict,
            "checks": [{"name": c.name, "verdict": c.verdict, "reason": c.reason} for c in result.checks],
            "comparison": _comparison(result.comparison),
            "pass_rate": _pass_rate(result.pass_rate),
            "baseline_pass_rate": _pass_rate(result.baseline_pass_rate),
            "protected": {"cases": result.protected.total, "new_failures": [*result.protected.new_failures],
                          "unknown": [*result.protected.unknown]},
            "metrics": [_summary(each) for each in result.metrics],
            "tags": [_summary(each) for each in result.tags],
            "near_duplicates": [
                {"cases": [each.first, each.second], "similarity": each.similarity} for each in self.near_duplicates
            ],
            "excluded": [{"id": each.id, "reason": each.reason, "because": each.because} for each in self.excluded],
            "not_run": result.not_run,
            "cases": [_outcome(outcome) for outcome in result.outcomes],
            **({"judges": [each.to_json(result.outcomes) for each in self.judges]} if self.judges else {}),
        }  # fmt: skip

    def digest(self) -> str:
        """Return the digest of the content."""
        return digest_of(canonical_bytes(self.content()))

    def to_json(self) -> dict[str, Any]:
        """Return the report: digest, content, and measurements that differ from run to run."""
        content = self.content()
        return {
            "digest": digest_of(canonical_bytes(content)),
            "content": content,
            "measurements": self.measurements(),
        }

    def measurements(self) -> dict[str, Any]:
        """Return mean latency and cost by arm, and what judges used, which differ from run to run."""
        found: dict[str, Any] = {arm: _measurements(self.result.outcomes, arm) for arm in self.arms}
        if self.judge_spend is not None:
            found["judges"] = self.judge_spend.to_json()
        return found

    @property
    def arms(self) -> tuple[EvaluationArm, ...]:
        return ("candidate", "baseline") if self.baseline else ("candidate",)


def _measurements(outcomes: Sequence[CaseOutcome], arm: EvaluationArm) -> dict[str, Any]:
    """Return the mean latency and cost of an answer; None if no answer has one."""
    answers = [scored.answer for outcome in outcomes for scored in outcome.answers[arm]]
    latency = mean_of([answer.latency_ms for answer in answers])
    return {
        "answers": len(answers),
        "mean_latency_ms": None if latency is None else round(latency, 3),
        "mean_cost": mean_of([answer.cost for answer in answers]),
    }


def _comparison(result: ComparisonResult | None) -> dict[str, Any] | None:
    if result is None:
        return None
    return {
        "conclusion": result.conclusion,
        "difference": _interval(result.difference),
        "wins": result.wins,
        "ties": result.ties,
        "losses": result.losses,
        "left_out": result.left_out,
        "needed": result.needed,
    }


def _pass_rate(rate: PassRate | None) -> dict[str, Any] | None:
    if rate is None:
        return None
    bounds = {
        "unknown": rate.unknown,
        "if_unknown_fail": _rounded(rate.lowest),
        "if_unknown_pass": _rounded(rate.highest),
    }
    return {**_interval(rate.interval), **bounds}


def _summary(summary: MetricSummary) -> dict[str, Any]:
    return {
        "name": summary.name,
        "candidate": _rounded(summary.candidate),
        "baseline": _rounded(summary.baseline),
        "difference": _interval(summary.difference) if summary.difference else None,
        "unknown": summary.unknown,
    }


def _interval(interval: MeanInterval) -> dict[str, Any]:
    return {
        "n": interval.n,
        "mean": _rounded(interval.mean),
        "low": _rounded(interval.low),
        "high": _rounded(interval.high),
        "level": interval.level,
    }


def _rounded(value: float | None) -> float | None:
    """Return a number with 6 decimals: libraries of other processors may differ in the last bits.

    A whole one is an integer, which has the same canonical form and is written faster.
    """
    if value is None:
        return None
    rounded = round(value, 6)
    return int(rounded) if rounded.is_integer() else rounded


def _outcome(outcome: CaseOutcome) -> dict[str, Any]:
    case = outcome.case
    answers: dict[str, Any] = {arm: [_answer(each) for each in found] for arm, found in outcome.answers.items()}
    about = {"id": case.id, "digest": case.digest, "protected": case.protected, "parent": case.parent}
    return {**about, "tags": [*case.tags], "counted": outcome.counted, **answers}


def _answer(scored: ScoredAnswer) -> dict[str, Any]:
    failure = scored.answer.failure
    return {
        "output": scored.answer.output,
        "passed": scored.passed,
        "failure": {"kind": failure.kind, "message": failure.message} if failure else None,
        "scores": [
            {"name": score.name, "digest": score.digest, "value": _rounded(score.value), "score": _rounded(score.score),
             "passed": score.passed, "reason": score.reason, **({} if score.decides else {"decides": False})}
            for score in scored.scores
        ],
    }  # fmt: skip
