"""Measured quality, and its turns for the worse and back."""

from typing import ClassVar, Literal
from uuid import UUID

from shared.events.base import AwareDatetime, Fact, TargetEvent

Direction = Literal["higher_is_better", "lower_is_better"]
CauseKind = Literal["prompt_version", "model", "unknown"]


class Measurement(Fact):
    """A mean with what it rests on: `n` values and a confidence interval at `level`, in the metric's own unit."""

    n: int
    mean: float
    low: float
    high: float
    level: float = 0.95


class Window(Fact):
    """The values that a statement rests on lie between these two times."""

    start: AwareDatetime
    end: AwareDatetime


class Cause(Fact):
    """A hypothesised cause. For a prompt version: of prompt `name`, `before` was replaced by `after` (identities)."""

    kind: CauseKind
    name: str | None = None
    before: str | None = None
    after: str | None = None
    evidence: str


class QualityMeasured(TargetEvent):
    """One window of one metric of one prompt version."""

    topic: ClassVar[str] = "quality.measured"

    prompt: str
    identity: str
    metric: str
    direction: Direction
    window: Window
    measurement: Measurement


class RegressionDetected(TargetEvent):
    """One dimension of a target got worse. `delta_pp` is negative when worse: in points of the unit scale ×100."""

    topic: ClassVar[str] = "regression.detected"

    regression_id: UUID
    revision: int
    metric: str
    direction: Direction
    window: Window
    baseline: Measurement
    current: Measurement
    delta_pp: float
    method: str
    alpha: float
    affected_executions: tuple[str, ...]
    causes: tuple[Cause, ...]


class RegressionResolved(TargetEvent):
    """The dimension recovered."""

    topic: ClassVar[str] = "regression.resolved"

    regression_id: UUID
    revision: int
    metric: str
    baseline: Measurement
    current: Measurement
    resolved_by: Cause
