"""The analyzer's words: what is measured, of what, and when a finding is one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol
from uuid import UUID

from shared.events import derived_id
from shared.metric_catalog import Direction

Kind = Literal["binary", "bounded", "real"]
"""What a metric's scale is: 0 or 1, from 0 (worst) to 1 (best), or any number. More is always better."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One dimension of quality.

    `to_scale` maps a value in the metric's own unit to its scale, on which all is summed and compared; `from_scale`
    goes back. `floor` is the smallest drop, on the scale, that is worth a person's attention. `mirrored`: its direction
    is the opposite of the usual one of its kind, so the scale runs the other way. While the direction is undeclared,
    values are summed both ways, and nothing is raised. `generation` counts the changes of scale or of label meanings.
    """

    name: str
    direction: Direction
    unit: str
    kind: Kind
    to_scale: Callable[[float], float]
    from_scale: Callable[[float], float]
    floor: float = 0.05
    safety: bool = False
    mirrored: bool = False
    generation: int = 0


class Dimension(NamedTuple):
    """One metric of one target: there is at most one open regression of it.

    Values of different generations are not comparable. `mirrored` keeps both directions of an undeclared metric apart
    in memory; they share a row, so ids are of `names` alone.
    """

    project: str
    environment: str
    target: str
    metric: str
    generation: int = 0
    mirrored: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """What ids are derived from: the generation counts from the first change on."""
        return (*self[:4], f"generation {self.generation}") if self.generation else self[:4]

    @property
    def subject(self) -> "Dimension":
        """The dimension without what tells its definitions apart: what regressions are about."""
        return Dimension(*self[:4])

    @property
    def id(self) -> UUID:
        return derived_id("dimension", *self.names)


class PromptMetric(NamedTuple):
    """The versions of one prompt, seen through one metric of one target."""

    dimension: Dimension
    prompt: str

    @property
    def id(self) -> UUID:
        return derived_id("line", *self.dimension.names, self.prompt)


class StreamKey(NamedTuple):
    """The values of one metric of one version (`identity`) of one prompt of one target."""

    line: PromptMetric
    identity: str

    @property
    def id(self) -> UUID:
        return derived_id("stream", *self.line.dimension.names, self.line.prompt, self.identity)


class Use(NamedTuple):
    """A prompt that an execution used. An execution without prompts uses the prompt "" at the identity "none"."""

    prompt: str
    identity: str


class Facts(Protocol):
    """What is known of the execution behind a value; `shared.events.feedback.ExecutionFacts` is one."""

    @property
    def execution_id(self) -> str: ...
    @property
    def model(self) -> str | None: ...
    @property
    def outcome(self) -> str | None: ...
    @property
    def input(self) -> str | None: ...
    @property
    def user(self) -> str | None: ...
    @property
    def attributes(self) -> Mapping[str, str]: ...


class Reading(NamedTuple):
    """One measured value, on the metric's scale.

    `value` None takes a value back; `former` is what it takes the place of (None: nothing that was measured).
    Unix times: `at` is when the execution ran, by the app's clock; `received` when we heard of it, by ours.
    """

    dimension: Dimension
    metric: Metric
    uses: tuple[Use, ...]
    facts: Facts
    value: float | None
    former: float | None
    at: float
    received: float


@dataclass(frozen=True, slots=True)
class DetectionPolicy:
    """What holds for every target and metric that no rule speaks of.

    `alpha` bounds the chance that a stream in which nothing gets worse ever raises an alarm. `minimum` values are
    measured on each side of a conclusion. A regression that comes back within `reopen_seconds` is the same one.
    """

    alpha: float = 0.05
    minimum: int = 100
    measured_values: int = 25
    measured_seconds: float = 60.0
    samples: int = 20
    reopen_seconds: float = 7 * 86_400.0
