"""Events about measured quality, regressions and recoveries."""

from typing import ClassVar, Literal
from uuid import UUID

from shared import metric_catalog
from shared.events.base import AwareDatetime, Fact, TargetEvent

Direction = Literal["higher_is_better", "lower_is_better"]
CauseKind = Literal[
    "prompt_version", "model", "retrieval_corpus", "upstream_errors", "judge", "traffic_mix", "segment", "safety",
    "unknown",
]  # fmt: skip


class Measurement(Fact):
    """A mean of `n` values with its confidence interval at `level`, in the metric's unit."""

    n: int
    mean: float
    low: float
    high: float
    level: float = 0.95


class Window(Fact):
    """The period of the values of a measurement."""

    start: AwareDatetime
    end: AwareDatetime


class Cause(Fact):
    """A hypothesised cause. For a prompt version: of prompt `name`, `before` was replaced by `after` (identities).

    For a segment, or other traffic, `name` is the dimension. `where` confines it to one level of another dimension.
    `explains_pp` is the part of the total drop that it explains, from `n` values; `since` bounds when it began.
    """

    kind: CauseKind
    name: str | None = None
    before: str | None = None
    after: str | None = None
    where: str | None = None
    explains_pp: float | None = None
    n: int | None = None
    since: Window | None = None
    evidence: str


GroupChanges = tuple[tuple[int, int, float], ...]
"""Group (0 to 1,023), and the changes of count and sum of the values of the users, or sessions, whose ids fall into it.

Values of one user are in one group, so that a comparison can count users as independent instead of values.
"""


class ArmChanges(Fact):
    """Changes of count, sum and sum of squares of the values of one arm, on a scale where more is better.

    `bounded`: values are between 0 and 1; else they are logarithms of amounts. A corrected value is removed first, so
    that `n` may be 0 or negative. `users` and `sessions` have the same changes by
    groups of them; empty if no execution names one.
    """

    n: int
    total: float
    squares: float
    bounded: bool
    users: GroupChanges = ()
    sessions: GroupChanges = ()


class Losing(Fact):
    """A segment that lost more than the rest: `n` values of `level` since the change.

    `delta_pp` is between `low_pp` and `high_pp` at 95 %, shared by all segments that were looked at; `rest_pp` is the
    change of all other values.
    """

    dimension: str
    level: str
    n: int
    delta_pp: float
    low_pp: float
    high_pp: float
    rest_pp: float


class Change(Fact):
    """When a change began: most likely at `at`, with an interval from `low` to `high`, by the app's clock."""

    at: AwareDatetime
    low: AwareDatetime
    high: AwareDatetime


class QualityMeasured(TargetEvent):
    """One window of one metric of one prompt version. An undeclared `direction` means: unknown.

    With `arm`, it is about the executions that a rollout assigned to it, which are in other events without arm as well.
    """

    topic: ClassVar[str] = "quality.measured"

    prompt: str
    identity: str
    metric: str
    direction: metric_catalog.Direction
    window: Window
    measurement: Measurement
    arm: str | None = None
    arm_sums: ArmChanges | None = None


class RegressionDetected(TargetEvent):
    """A metric of a target got worse, or did so again (`returned`, with a higher revision of the same regression).

    `delta_pp` is negative if worse, in points of the unit scale × 100; for amounts in per cent of the baseline
    (`change_unit`). It is between `low_pp` and `high_pp` at 95 %. `alpha` is the level of the claim that there is a
    drop at all; `floor_pp` the drop below which no regression opens. Means are in `unit`, and are those of the same
    segments on both sides: of the raw change `raw_pp`, other traffic explains `mix_pp`. If not `certain`, the data
    cannot distinguish the causes.
    """

    topic: ClassVar[str] = "regression.detected"

    regression_id: UUID
    revision: int
    metric: str
    direction: Direction
    window: Window
    baseline: Measurement
    current: Measurement
    delta_pp: float
    low_pp: float | None = None
    high_pp: float | None = None
    floor_pp: float = 5.0
    method: str
    alpha: float
    change: Change | None = None
    returned: bool = False
    affected_executions: tuple[str, ...]
    certain: bool = True
    causes: tuple[Cause, ...]
    raw_pp: float | None = None
    mix_pp: float | None = None
    losing: tuple[Losing, ...] = ()
    unit: str | None = None
    change_unit: Literal["pp", "%"] | None = None


class RegressionResolved(TargetEvent):
    """The metric recovered."""

    topic: ClassVar[str] = "regression.resolved"

    regression_id: UUID
    revision: int
    metric: str
    baseline: Measurement
    current: Measurement
    resolved_by: Cause
