"""The definition of a metric, and the fields that a person may declare."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Literal

Direction = Literal["higher_is_better", "lower_is_better", "undeclared"]
Meaning = Literal["good", "bad", "neutral"]
Aggregation = Literal["mean", "geometric_mean"]
Scale = tuple[float, float]
"""The smallest and the largest value; values outside are not counted."""

ValueKind = Literal[
    "thumb", "boolean", "rating", "score", "percent", "label", "preference", "error", "latency", "cost", "tokens",
    "click", "copy", "dwell", "requery", "regenerate", "abandon", "continue",
]  # fmt: skip
"""What values are: thumbs up and down, whether the name applies (1) or not (0), stars from 1 to 5, numbers, numbers
from 0 to 100, words, whether the answer was preferred to another, failed outcomes, milliseconds, amounts of money,
numbers of tokens; and what a user did with an answer (`implicit_kinds`)."""

Origin = Literal["kind", "name", "declared"]
"""What a definition's direction rests on: the kind of value, a known name, or a person's declaration."""

IMPLICIT: Final = "implicit."
"""Prefix of the names of metrics of implicit feedback."""
JUDGE: Final = "judge."
"""Prefix of the names of metrics of judges' scores."""
JUDGE_ANCHORS: Final = "judge_anchors."
"""Prefix of the names of metrics that say how far a judge's scores of its anchors are from the first ones."""
NO_LABELS: Mapping[str, Meaning] = MappingProxyType({})


def is_implicit(metric: str) -> bool:
    """Return whether the values of a metric, given by its full name, are implicit feedback."""
    return metric.startswith(IMPLICIT)


@dataclass(frozen=True, slots=True)
class Declaration:
    """A person's declaration of a metric; None means the default. `labels` has normalised words."""

    direction: Direction | None = None
    unit: str | None = None
    scale: Scale | None = None
    aggregation: Aggregation | None = None
    floor: float | None = None
    safety: bool | None = None
    labels: Mapping[str, Meaning] = field(default_factory=lambda: NO_LABELS)

    def completed_by(self, other: "Declaration") -> "Declaration":
        """Return this declaration with missing fields from `other`; labels are merged word by word."""
        return Declaration(
            self.direction or other.direction,
            other.unit if self.unit is None else self.unit,
            self.scale or other.scale,
            self.aggregation or other.aggregation,
            other.floor if self.floor is None else self.floor,
            other.safety if self.safety is None else self.safety,
            {**other.labels, **self.labels},
        )


@dataclass(frozen=True, slots=True)
class MetricDefinition:
    """The definition of one metric.

    `name` is its full name, such as `score.toxicity`; `kind` what its values are. `floor` is the smallest drop
    that opens a regression: a share of the scale, or of the amount under a geometric mean. Under `safety` one
    bad value is enough. `labels` has the declared meanings of words; those known by default are in `meaning_of`.
    `weight` and `confidence` are below 1 for what a user did, as in `implicit_kinds`.
    """

    name: str
    kind: ValueKind
    direction: Direction
    unit: str = "score"
    scale: Scale = (0.0, 1.0)
    aggregation: Aggregation = "mean"
    floor: float = 0.05
    safety: bool = False
    labels: Mapping[str, Meaning] = field(default_factory=lambda: NO_LABELS)
    origin: Origin = "kind"
    weight: float = 1.0
    confidence: float = 1.0

    @property
    def implicit(self) -> bool:
        """Whether its values are implicit feedback, which is never counted together with what people say."""
        return is_implicit(self.name)

    @property
    def declared(self) -> bool:
        """Whether it is known which values are good."""
        return self.direction != "undeclared"

    @property
    def binary(self) -> bool:
        """Whether there are only two values, one good and one bad."""
        return self.kind not in ("rating", "score", "percent", "latency", "cost", "dwell")

    @property
    def amount(self) -> bool:
        """Whether values are amounts, compared by their ratio: times, costs."""
        return self.aggregation == "geometric_mean"

    def contains(self, value: float) -> bool:
        """Return whether `value` is on the scale; NaN does not."""
        return self.scale[0] <= value <= self.scale[1]
