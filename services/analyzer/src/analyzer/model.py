"""The analyzer's words: what is measured, of what, and what a detector must be able to do."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol
from uuid import UUID

from shared.events import derived_id
from shared.events.quality import Direction

Memory = list[float]
"""What a detector remembers of one stream: of constant length, JSON-ready, opaque to everybody else."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One dimension of quality.

    `to_scale` maps a value in the metric's own unit to the scale it is summed on. A `tested` metric's scale
    is goodness from 0 (worst) to 1 (best); an untested one is summed in its own unit. `from_scale` goes back.
    `floor` is the smallest drop, on the scale, that is worth a person's attention.
    """

    name: str
    direction: Direction
    unit: str
    tested: bool
    to_scale: Callable[[float], float]
    from_scale: Callable[[float], float]
    floor: float = 0.05


class Dimension(NamedTuple):
    """One metric of one target: there is at most one open regression of it."""

    project: str
    environment: str
    target: str
    metric: str

    @property
    def id(self) -> UUID:
        return derived_id("dimension", *self)


class Line(NamedTuple):
    """The versions of one prompt, seen through one metric of one target."""

    dimension: Dimension
    prompt: str

    @property
    def id(self) -> UUID:
        return derived_id("line", *self.dimension, self.prompt)


class StreamKey(NamedTuple):
    """The values of one metric of one version (`identity`) of one prompt of one target."""

    line: Line
    identity: str

    @property
    def id(self) -> UUID:
        return derived_id("stream", *self.line.dimension, self.line.prompt, self.identity)


class Use(NamedTuple):
    """A prompt that an execution used. An execution without prompts uses the prompt "" at the identity "none"."""

    prompt: str
    identity: str


class Reading(NamedTuple):
    """One measured value, on the metric's scale.

    `value` None takes a value back; `former` is what it takes the place of (None: nothing that was measured).
    Unix times: `at` is when the execution ran, by the app's clock; `received` when we heard of it, by ours.
    """

    dimension: Dimension
    metric: Metric
    uses: tuple[Use, ...]
    execution_id: str
    model: str | None
    value: float | None
    former: float | None
    at: float
    received: float


@dataclass(frozen=True, slots=True)
class Policy:
    """When a finding is one. `alpha` bounds the chance that a watch whose null hypothesis holds ever alarms."""

    alpha: float = 0.05
    minimum: int = 100
    measured_values: int = 25
    measured_seconds: float = 60.0
    samples: int = 20


class Detector(Protocol):
    """A sequential test of bounded values (0 worst, 1 best) that may be looked at after every value.

    A stream's memory (`fresh`, `learn`) makes it a reference later on. `watch` fixes that reference and begins
    the evidence about another stream; `watch_bound` begins it against a number that is given. The null
    hypothesis: each value's mean, given the past, is at least the reference's. If it holds, the chance that
    `significant` is ever true is at most `alpha`. Everything is O(1) a value; memories change in place.
    """

    method: str

    def fresh(self) -> Memory:
        """The memory of a stream without values."""
        ...

    def learn(self, memory: Memory, value: float) -> None:
        """Takes one value of a stream that may become a reference."""
        ...

    def lower(self, memory: Memory, alpha: float) -> float:
        """A number that the stream's mean is below with a chance of at most `alpha`, at whatever moment one asks."""
        ...

    def watch(self, reference: Memory, alpha: float) -> Memory:
        """Evidence that a stream is worse than the one `reference` remembers; none yet."""
        ...

    def watch_bound(self, bound: float, alpha: float) -> Memory:
        """Evidence that a stream's mean is below `bound`; none yet."""
        ...

    def observe(self, evidence: Memory, value: float) -> None:
        """Takes one value of the watched stream."""
        ...

    def significant(self, evidence: Memory) -> bool:
        """Whether the null hypothesis is refuted at the level that the watch began with."""
        ...
