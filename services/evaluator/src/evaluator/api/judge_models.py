"""Responses about judges and online judging."""

from datetime import datetime
from typing import Any

from ratchet_evaluation.domain.judges.definition import JudgeMethod
from shared.web.response_models import NEXT, DescribedResponse


class JudgeSpendView(DescribedResponse):
    """What a judge used. `usd` is null if the price of its model is unknown."""

    calls: int
    input_tokens: int
    output_tokens: int
    usd: float | None
    estimated_calls: int


class JudgeDayView(JudgeSpendView):
    """Scores of a day (UTC): how many are known and unknown, and what they used."""

    known: int
    unknown: int


class KappaView(DescribedResponse):
    """Cohen's kappa over `n` labels in `clusters` groups, with its interval; null where it is not defined."""

    value: float | None
    low: float | None
    high: float | None
    n: int
    clusters: int
    level: float


class SegmentKappaView(KappaView):
    """The agreement in one segment."""

    segment: str


class JudgeView(DescribedResponse):
    """A judge. `decides`: its agreement with people is shown to reach `min_kappa`; `reason` says why, or why not."""

    name: str
    method: JudgeMethod
    rubric: str | None
    model: str
    embedding_model: str | None
    parameters: dict[str, Any]
    threshold: float
    min_kappa: float
    digest: str
    people_metric: str
    anchors: int
    changed_at: datetime
    changed_by: str
    agreement: KappaView | None
    segments: list[SegmentKappaView]
    decides: bool
    reason: str
    today: JudgeDayView


class JudgePage(DescribedResponse):
    """All judges by name. `available`: a judge's endpoint is configured."""

    items: list[JudgeView]
    next: str | None = NEXT
    available: bool


class UnknownReasonView(DescribedResponse):
    """Why so many scores are unknown."""

    reason: str
    n: int


class JudgingDayView(JudgeDayView):
    """Scores of a target on a day. `dropped`: executions that were not judged, because too many waited."""

    dropped: int
    unknown_reasons: list[UnknownReasonView]


class JudgingRuleView(DescribedResponse):
    """How a target is judged, and the state of it. `idle_reason` says why nothing is judged now; null if it is."""

    target: str
    judge: str
    rate: float
    stratify_by: str | None
    confidence: str | None
    daily_calls: int | None
    daily_tokens: int | None
    daily_usd: float | None
    judge_proposals: bool
    waiting: int
    idle_reason: str | None
    today: JudgingDayView
    last_judged_at: datetime | None


class JudgingRulePage(DescribedResponse):
    """All targets that have a rule. `available`: a judge's endpoint is configured."""

    items: list[JudgingRuleView]
    next: str | None = NEXT
    available: bool
