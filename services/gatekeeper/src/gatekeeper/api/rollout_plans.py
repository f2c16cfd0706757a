"""Rollout plans in request bodies."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Literal

from pydantic import Field

from gatekeeper.domain.rollout_plan import MOST_METRICS, MOST_STEPS, GuardedMetric, PlanName, RolloutPlan, Step, Unit
from shared.problems import invalid
from shared.web.json_body import Label, RequestBody

_YEAR = 366 * 86_400


class StepBody(RequestBody):
    """A step: the candidate's share of the traffic, as buckets of 10,000, and its minima for each arm."""

    weight: Annotated[int, Field(ge=1, le=9_999)]
    min_values: Annotated[int, Field(ge=2, le=1_000_000)] = 100
    min_seconds: Annotated[int, Field(ge=0, le=_YEAR)] = 600


class MetricBody(RequestBody):
    """A guarded metric. `margin`: 300 is 3 percentage points; of latency, cost and tokens 3 %."""

    name: Label
    margin: Annotated[int, Field(ge=1, le=5_000)] = 300


class PlanBody(RequestBody):
    """A gradual rollout: steps before all traffic, and the metrics that are guarded meanwhile."""

    kind: Literal["canary"] = "canary"
    unit: Unit = "user"
    steps: Annotated[list[StepBody], Field(min_length=1, max_length=MOST_STEPS)]
    metrics: Annotated[list[MetricBody], Field(min_length=1, max_length=MOST_METRICS)]
    limit_seconds: Annotated[int, Field(ge=1, le=_YEAR)] = 7 * 86_400
    no_data_seconds: Annotated[int, Field(ge=1, le=_YEAR)] = 3_600

    def plan(self) -> RolloutPlan:
        """Return the plan. Raises ValueError with the name of the field first."""
        return RolloutPlan(
            self.unit,
            tuple(Step(each.weight, each.min_values, each.min_seconds) for each in self.steps),
            tuple(GuardedMetric(each.name, each.margin) for each in self.metrics),
            self.limit_seconds,
            self.no_data_seconds,
        )


def chosen_plan(given: PlanName | PlanBody | None, verdict: str) -> RolloutPlan | Literal["canary", "48h-at-5"] | None:
    """Return the plan of a decision; None for all traffic at once. Raises Problem 422."""
    if given is None or given == "at-once":
        return None
    if verdict != "approved":
        raise invalid("rollout_plan", "is only possible in an approval")
    try:
        return given.plan() if isinstance(given, PlanBody) else given
    except ValueError as error:
        field, _, reason = str(error).partition(": ")
        raise invalid(f"rollout_plan.{field}", reason) from None


@asynccontextmanager
async def naming_plan_field() -> AsyncIterator[None]:
    """Answer 422 for a named plan that does not fit the proposal."""
    try:
        yield
    except ValueError as error:
        field, _, reason = str(error).partition(": ")
        if field != "metrics":
            raise
        raise invalid("rollout_plan.metrics", reason) from None
