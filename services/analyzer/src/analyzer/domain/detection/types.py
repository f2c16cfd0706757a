"""Types of the detectors: settings, estimates and findings."""

from dataclasses import dataclass, replace
from typing import Any, Literal

JsonState = list[Any]
"""Saved state as JSON: numbers, strings and lists. Floats are restored exactly."""

ValueKind = Literal["bounded", "binary", "positive", "real", "rare"]
"""The range of values, and which direction is worse.

bounded   scores from 0 (worst) to 1 (best)
binary    0 (worse) or 1 (better), such as thumbs
positive  above 0, larger is worse: latency, cost. Compared on the log scale, so a drop of 0.18 means 20 % more
real      any number, smaller is worse
rare      1 (the bad event happened) or 0, larger is worse, against an agreed rate
"""

StreamVerdict = Literal["regressed", "holds", "inconclusive", "no baseline yet", "no data"]


@dataclass(frozen=True, slots=True)
class DetectionSettings:
    """Settings of the tests.

    `alpha`: maximum probability that a stream without a change ever raises an alarm. `minimum`: values on each side
    before a conclusion. `floor`: smallest drop that is reported, in the unit of the values (log scale for `positive`).
    `warmup`: number of values before a stream is tested for drift.
    """

    alpha: float = 0.05
    minimum: int = 100
    floor: float = 0.05
    warmup: int = 250

    def residualised(self) -> "DetectionSettings":
        """Return the settings for values adjusted by their segment's mean: a twentieth of alpha.

        Segment means are estimates too, and a change of traffic alone must not alarm.
        """
        return replace(self, alpha=self.alpha / 20.0)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean or a difference of means of `n` values, with a confidence sequence at `level`."""

    n: int
    mean: float
    low: float
    high: float
    level: float


@dataclass(frozen=True, slots=True)
class ChangeInterval:
    """Position of the change, as the number of values before it, with an interval."""

    index: int
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class Finding:
    """The current result of the tests.

    `significant`: the null hypothesis (nothing got worse) is refuted at `alpha`; `answer` also requires the floor and
    the minimum. `drop` is before minus after, positive if it got worse. All numbers are in the unit of the values
    (`positive`: means are geometric, the drop is on the log scale; `rare`: a rise of the rate is a positive drop).
    """

    answer: StreamVerdict
    method: str
    alpha: float
    significant: bool
    before: Estimate | None = None
    after: Estimate | None = None
    drop: Estimate | None = None
    since: ChangeInterval | None = None
