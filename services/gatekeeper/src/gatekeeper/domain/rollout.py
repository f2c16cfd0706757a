"""Value types of rollouts: their state, what was measured of their arms, and an assessment (pure)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from uuid import UUID

from gatekeeper.domain.rollout_plan import RolloutPlan
from shared.statistics.two_arms import ArmSums, Difference

State = Literal["running", "paused", "live", "rolled_back", "superseded"]
OPEN: frozenset[State] = frozenset({"running", "paused"})
Arm = Literal["base", "candidate", "unassigned"]
"""`unassigned`: the app had no id of the plan's unit, so it served the base; not compared."""
ChangeKind = Literal["started", "advanced", "completed", "paused", "resumed", "rolled_back", "superseded"]
"""Which change is possible when is decided by the database: storage/functions/rollout_checks.sql."""
Phase = Literal["waiting", "advance", "complete", "harmful", "pause", "paused", "halted", "ended"]
PauseReason = Literal["inconclusive", "no-data", "sample-ratio", "reviewer"]


@dataclass(frozen=True, slots=True)
class Rollout:
    """A candidate that is being rolled out under an approved plan.

    `revision`, `step`, `state`, `pause_reason` and `message` are of the last change. `since`: when the step began.
    """

    id: UUID
    decision_id: UUID
    proposal_id: UUID
    project: str
    environment: str
    name: str
    target: str
    base_digest: str
    candidate_digest: str
    plan: RolloutPlan
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

    @property
    def is_open(self) -> bool:
        return self.state in OPEN


@dataclass(frozen=True, slots=True)
class MetricSums:
    """What was measured of one metric in one step, by arm. `bounded`: its values are in [0, 1]."""

    bounded: bool
    arms: Mapping[Arm, ArmSums]


Measured = Mapping[tuple[int, str], MetricSums]
"""By step and metric."""


@dataclass(frozen=True, slots=True)
class MetricVerdict:
    """A guarded metric: the difference candidate minus base, where more is better.

    Of shares and scores (`bounded`) 0.01 is one percentage point; of amounts it is the difference of logarithms.
    `units`: independent users, sessions or executions of the arm that has fewer, up to 1,024 for users and sessions.
    """

    name: str
    bounded: bool
    margin: float
    difference: Difference
    verdict: Literal["not-worse", "worse", "undecided", "no-data"]
    units: int

    @property
    def unit(self) -> str:
        return "pp" if self.bounded else "%"


@dataclass(frozen=True, slots=True)
class Assessment:
    """What is to be done with a rollout now, and why: `message` has the numbers.

    `arms`: executions by arm in this step. `reason`: why it is to be paused, for the phase `pause`.
    """

    phase: Phase
    message: str
    metrics: tuple[MetricVerdict, ...] = ()
    arms: Mapping[str, int] = field(default_factory=dict)
    reason: PauseReason | None = None
