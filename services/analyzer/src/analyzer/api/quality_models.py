"""Responses about measured quality, its course, and regressions."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import ConfigDict

from shared.events.quality import Cause, Measurement, RegressionDetected
from shared.metric_catalog import Direction
from shared.web.response_models import NEXT, DescribedResponse


class StreamView(DescribedResponse):
    """One metric of one version of a prompt. Figures of the comparison are null until there is one."""

    project: str
    environment: str
    target: str
    metric: str
    implicit: bool
    prompt: str
    identity: str
    direction: Direction
    unit: str | None
    measurement: Measurement | None
    compared_with: str | None
    verdict: Literal[
        "regressed", "holds", "inconclusive", "no baseline yet", "no data", "direction not declared",
    ]  # fmt: skip
    method: str
    alpha: float
    floor_pp: float
    baseline: Measurement | None
    current: Measurement | None
    delta_pp: float | None
    low_pp: float | None
    high_pp: float | None


class QualityPage(DescribedResponse):
    """A page of streams. `uncounted`: values of the environment that are not counted, by reason."""

    items: list[StreamView]
    next: str | None = NEXT
    uncounted: dict[str, int]


class WindowView(DescribedResponse):
    """Values of a metric in a time window, with a 95 % interval of their mean."""

    target: str
    metric: str
    direction: Direction
    unit: str | None
    prompt: str
    identity: str
    start: datetime
    end: datetime
    n: int
    mean: float
    low: float
    high: float


class WindowPage(DescribedResponse):
    """A page of windows, oldest first."""

    items: list[WindowView]
    next: str | None = NEXT


class TermView(DescribedResponse):
    """Inputs with a word that got worse than others: `n` of them, `share` bad; `without`: the share of the others."""

    term: str
    n: int
    share: float
    without: float
    before: float | None
    lift: float
    low: float
    high: float
    examples: list[str]


class RegressionView(RegressionDetected):
    """A regression as it was opened, with its state and, once it is resolved, what it recovered to."""

    model_config = ConfigDict(extra="forbid")

    implicit: bool
    id: UUID
    state: Literal["open", "resolved"]
    terms: list[TermView]
    opened_at: datetime
    resolved_at: datetime | None
    recovered: Measurement | None
    resolved_by: Cause | None


class ExplanationView(DescribedResponse):
    """Sentences for people. They contain names from apps: show them as text."""

    what: str
    reasons: list[str]
    causes: list[str]
    counter_evidence: list[str]


class RegressionDetails(RegressionView):
    """A regression with its explanation, and executions from before it."""

    good_executions: list[str]
    explanation: ExplanationView


class RegressionPage(DescribedResponse):
    """A page of regressions, newest first."""

    items: list[RegressionView]
    next: str | None = NEXT
