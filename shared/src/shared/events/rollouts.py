"""Events about gradual rollouts: steps and verdicts."""

from typing import ClassVar, Literal
from uuid import UUID

from shared.events.base import TargetEvent


class RolloutEvent(TargetEvent):
    """A change of a rollout: `weight` of 10,000 buckets get the candidate from now on, the others the base.

    `by` is a person, or `gatekeeper` for what the approved plan does by itself. `message` has the numbers.
    """

    rollout_id: UUID
    revision: int
    name: str
    base_digest: str
    candidate_digest: str
    plan_digest: str
    decision_id: UUID
    step: int
    weight: int
    by: str
    reason: str
    message: str


class RolloutStarted(RolloutEvent):
    """An approved candidate gets the traffic of the first step of its plan."""

    topic: ClassVar[str] = "rollout.started"


class RolloutAdvanced(RolloutEvent):
    """A rollout went to its next step, or was paused or resumed."""

    topic: ClassVar[str] = "rollout.advanced"

    change: Literal["advanced", "paused", "resumed"]


class RolloutConcluded(RolloutEvent):
    """A rollout ended: the candidate is live for all, or the base is again, or another version went live."""

    topic: ClassVar[str] = "rollout.concluded"

    outcome: Literal["live", "rolled_back", "superseded"]
