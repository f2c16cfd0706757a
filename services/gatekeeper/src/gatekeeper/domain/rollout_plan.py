"""Rollout plans: the steps by which a candidate gets all traffic (pure).

A plan is part of what is approved: the decision binds its digest. An approval without a plan makes the candidate live
for all traffic at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ratchet.prompt.canonical import digest_of, normal_bytes

Unit = Literal["user", "session", "execution"]
"""Whose calls always get the same arm. `execution`: each call is assigned separately."""
SCHEMA = "ratchet.rollout-plan/1"
ALL = 10_000
"""Number of buckets: 10,000 is all traffic, 100 one per cent."""
MOST_STEPS = 20
MOST_METRICS = 10


@dataclass(frozen=True, slots=True)
class Step:
    """A share of the traffic, `weight` of 10,000 buckets, and what is needed at least before the next step.

    `min_values`: of each guarded metric, for each arm, measured in this step.
    """

    weight: int
    min_values: int
    min_seconds: int


@dataclass(frozen=True, slots=True)
class GuardedMetric:
    """A metric that must not get worse. `margin`: by how much it may be worse, in hundredths of a percentage point.

    For amounts such as latency and cost it is a part of the base's mean: 500 is 5 %.
    """

    name: str
    margin: int


@dataclass(frozen=True, slots=True)
class RolloutPlan:
    """Steps before all traffic, and what is guarded meanwhile.

    A step that is not decided after `limit_seconds`, or that measured nothing of the candidate for `no_data_seconds`,
    pauses the rollout. Raises ValueError with the field's name first.
    """

    unit: Unit
    steps: Sequence[Step]
    metrics: Sequence[GuardedMetric]
    limit_seconds: int = 7 * 86_400
    no_data_seconds: int = 3_600

    def __post_init__(self) -> None:
        weights = [step.weight for step in self.steps]
        if not 1 <= len(weights) <= MOST_STEPS:
            raise ValueError(f"steps: must be 1 to {MOST_STEPS}")
        if weights != sorted(set(weights)) or not (weights[0] > 0 and weights[-1] < ALL):
            raise ValueError("steps: weights must rise, between 1 and 9999")
        names = [metric.name for metric in self.metrics]
        if not 1 <= len(names) <= MOST_METRICS or len(set(names)) < len(names):
            raise ValueError(f"metrics: must be 1 to {MOST_METRICS} different ones")
        if self.limit_seconds <= max(step.min_seconds for step in self.steps):
            raise ValueError("limit_seconds: must be more than min_seconds of each step")

    def document(self) -> dict[str, Any]:
        """Return the JSON form, whose digest a decision binds."""
        return {
            "schema": SCHEMA,
            "kind": "canary",
            "unit": self.unit,
            "steps": [
                {"weight": each.weight, "min_values": each.min_values, "min_seconds": each.min_seconds}
                for each in self.steps
            ],
            "metrics": [{"name": each.name, "margin": each.margin} for each in self.metrics],
            "limit_seconds": self.limit_seconds,
            "no_data_seconds": self.no_data_seconds,
        }

    @property
    def canonical(self) -> bytes:
        """The RFC 8785 form of the document."""
        return normal_bytes(self.document(), "plan")

    @property
    def digest(self) -> str:
        return digest_of(self.canonical)


def plan_of(document: dict[str, Any]) -> RolloutPlan:
    """Return the plan of a stored document. Raises ValueError for an unknown schema."""
    if document["schema"] != SCHEMA:
        raise ValueError("schema: must be " + SCHEMA)
    return RolloutPlan(
        document["unit"],
        tuple(Step(**each) for each in document["steps"]),
        tuple(GuardedMetric(**each) for each in document["metrics"]),
        document["limit_seconds"],
        document["no_data_seconds"],
    )


def _canary(metrics: Sequence[GuardedMetric]) -> RolloutPlan:
    weights = (100, 500, 2_500, 5_000)
    return RolloutPlan("user", tuple(Step(weight, 100, 600) for weight in weights), metrics)


def _two_days(metrics: Sequence[GuardedMetric]) -> RolloutPlan:
    return RolloutPlan("user", (Step(500, 100, 2 * 86_400),), metrics)


_NAMED = {"canary": _canary, "48h-at-5": _two_days}
PlanName = Literal["at-once", "canary", "48h-at-5"]
DEFAULT_MARGIN = 300
"""3 percentage points, or 3 %."""


def named_plan(name: Literal["canary", "48h-at-5"], metrics: Sequence[str]) -> RolloutPlan:
    """Return a plan by its name, for the metrics that a proposal is about; errors are guarded too.

    Raises ValueError without a metric: errors alone say nothing about the quality of answers.
    """
    if not metrics:
        raise ValueError("metrics: name at least one, since the proposal has no acceptance criteria")
    guarded = dict.fromkeys((*metrics, "error_rate"))
    return _NAMED[name](tuple(GuardedMetric(each, DEFAULT_MARGIN) for each in guarded))
