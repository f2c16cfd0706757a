"""Responses about rollouts."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import Field

from gatekeeper.domain.rollout import Arm, ChangeKind, PauseReason, Phase, State
from gatekeeper.domain.rollout_plan import Unit
from shared.web.response_models import DescribedResponse


class StepView(DescribedResponse):
    """A share of the traffic, of 10,000, and what is needed at least before the next step."""

    weight: int
    min_values: int
    min_seconds: int


class GuardedMetricView(DescribedResponse):
    """A metric that must not get worse by `margin` hundredths of a percentage point, or of a percent for amounts."""

    name: str
    margin: int


class PlanView(DescribedResponse):
    """The approved plan; a decision binds the digest of exactly this document."""

    schema_: Literal["ratchet.rollout-plan/1"] = Field(alias="schema")
    kind: Literal["canary"]
    unit: Unit
    steps: list[StepView]
    metrics: list[GuardedMetricView]
    limit_seconds: int
    no_data_seconds: int


class RolloutView(DescribedResponse):
    """A rollout with its plan. `weight` of 10,000 buckets get the candidate since `since`."""

    id: UUID
    decision_id: UUID
    proposal_id: UUID
    project: str
    environment: str
    name: str
    target: str
    base_digest: str
    candidate_digest: str
    plan_digest: str
    started_at: datetime
    revision: int
    state: State
    step: int
    weight: int
    since: datetime
    changed_at: datetime
    by: str
    reason: str
    message: str
    plan: PlanView


class DifferenceView(DescribedResponse):
    """Candidate minus base over so many values of each; null is unknown."""

    base: int
    candidate: int
    mean: float | None
    low: float | None
    high: float | None


class MetricVerdictView(DescribedResponse):
    """A guarded metric. Of shares and scores (`bounded`) 0.01 is a percentage point; of amounts, of logarithms."""

    name: str
    bounded: bool
    margin: float
    difference: DifferenceView
    verdict: Literal["not-worse", "worse", "undecided", "no-data"]
    units: int
    unit: Literal["pp", "%"]


class AssessmentView(DescribedResponse):
    """What is to be done with a rollout now, and why. `arms`: executions by arm in this step."""

    phase: Phase
    message: str
    arms: dict[Arm, int]
    reason: PauseReason | None
    metrics: list[MetricVerdictView]


class RolloutChangeView(DescribedResponse):
    """A change of a rollout. `verdict`: the assessment that it rests on; null for a reviewer's."""

    revision: int
    kind: ChangeKind
    step: int
    weight: int
    by: str
    reason: str
    message: str
    verdict: AssessmentView | None
    at: datetime


class RolloutDetails(RolloutView):
    """A rollout with its last 100 changes, newest first, and its assessment now."""

    assessment: AssessmentView
    changes: list[RolloutChangeView]


class RolloutList(DescribedResponse):
    """The newest rollouts."""

    items: list[RolloutView]
