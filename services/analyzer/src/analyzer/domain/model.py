"""Value types of the analyzer: metrics, dimensions, streams and readings."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol
from uuid import UUID

from shared.events import derived_id
from shared.metric_catalog import Direction

ScaleKind = Literal["binary", "bounded", "real"]
"""The scale of a metric: 0 or 1, from 0 (worst) to 1 (best), or any number. More is always better."""


@dataclass(frozen=True, slots=True)
class Metric:
    """A measure of quality.

    `to_scale` converts a value from the metric's own unit to its scale, on which values are summed and compared;
    `from_scale` converts back. `floor` is the smallest drop, on the scale, that is reported. `mirrored`: the direction
    is the opposite of the usual one of its kind, so the scale is reversed. While the direction is undeclared, values
    are summed in both directions and no regression opens. `generation` counts changes of the scale or of label
    meanings.
    """

    name: str
    direction: Direction
    unit: str
    kind: ScaleKind
    to_scale: Callable[[float], float]
    from_scale: Callable[[float], float]
    floor: float = 0.05
    safety: bool = False
    mirrored: bool = False
    generation: int = 0


class Dimension(NamedTuple):
    """One metric of one target, with at most one open regression.

    Values of different generations are not comparable. `mirrored` separates both directions of an undeclared metric in
    memory; they share a row, so ids are derived from `names` only.
    """

    project: str
    environment: str
    target: str
    metric: str
    generation: int = 0
    mirrored: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """The names that ids are derived from; includes the generation if it is not 0."""
        return (*self[:4], f"generation {self.generation}") if self.generation else self[:4]

    @property
    def subject(self) -> "Dimension":
        """The dimension without generation and direction: the subject of regressions."""
        return Dimension(*self[:4])

    @property
    def id(self) -> UUID:
        return derived_id("dimension", *self.names)


class PromptMetric(NamedTuple):
    """One metric of one target for all versions of one prompt."""

    dimension: Dimension
    prompt: str

    @property
    def id(self) -> UUID:
        return derived_id("line", *self.dimension.names, self.prompt)


class StreamKey(NamedTuple):
    """The values of one metric of one version (`identity`) of one prompt of one target."""

    prompt_metric: PromptMetric
    identity: str

    @property
    def id(self) -> UUID:
        return derived_id("stream", *self.prompt_metric.dimension.names, self.prompt_metric.prompt, self.identity)


class Use(NamedTuple):
    """A prompt that an execution used. An execution without prompts uses the prompt "" at the identity "none"."""

    prompt: str
    identity: str


NO_PROMPT = (Use("", "none"),)
"""The prompts of an execution without prompts."""


class Facts(Protocol):
    """Facts of the execution of a value; implemented by `shared.events.feedback.ExecutionFacts`."""

    @property
    def execution_id(self) -> str: ...
    @property
    def model(self) -> str | None: ...
    @property
    def arm(self) -> str | None: ...
    @property
    def outcome(self) -> str | None: ...
    @property
    def input(self) -> str | None: ...
    @property
    def user(self) -> str | None: ...
    @property
    def session(self) -> str | None: ...
    @property
    def attributes(self) -> Mapping[str, str]: ...


class Reading(NamedTuple):
    """One measured value, on the metric's scale.

    `former` is the value that it replaces (None: none was measured); `value` None removes that one. Unix times: `at` is
    when the execution ran, by the app's clock; `received` is by the server's clock.
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
    """Defaults for targets and metrics without a rule.

    `alpha`: maximum probability that a stream which does not get worse ever raises an alarm. `minimum`: values on each
    side of a conclusion. A regression that returns within `reopen_seconds` is reopened.
    """

    alpha: float = 0.05
    minimum: int = 100
    measured_values: int = 25
    measured_seconds: float = 60.0
    samples: int = 20
    reopen_seconds: float = 7 * 86_400.0
