"""What the detectors are asked and what they answer."""

from dataclasses import dataclass, replace
from typing import Any, Literal

State = list[Any]
"""Memory as JSON: numbers, strings and lists. Floats read back exactly."""

Kind = Literal["bounded", "binary", "positive", "real", "rare"]
"""What values are, and which way is worse.

bounded   scores from 0 (worst) to 1 (best)
binary    0 (worse) or 1 (better), such as thumbs
positive  above 0, larger is worse: latency, cost. Compared on the log scale, so a drop of 0.18 means 20 % more
real      any number, smaller is worse
rare      1 (the bad event happened) or 0, larger is worse, against an agreed rate
"""

Answer = Literal["regressed", "holds", "inconclusive", "no baseline yet", "no data"]


@dataclass(frozen=True, slots=True)
class Settings:
    """The one setting of all streams.

    `alpha`: the chance, at most, that a stream in which nothing changes ever raises an alarm, however long one watches.
    `minimum`: measured values on each side before anything is concluded. `floor`: the smallest drop worth an alarm,
    in the values' unit (log scale for `positive`). `warmup`: values that a stream's own past must have.
    """

    alpha: float = 0.05
    minimum: int = 100
    floor: float = 0.05
    warmup: int = 250

    def residualised(self) -> "Settings":
        """For values from which their segment's mean was taken: a shift of traffic alone must never alarm.

        Segment means are estimates too, and segments are more questions to the same data: a twentieth of alpha.
        """
        return replace(self, alpha=self.alpha / 20.0)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean, or a difference of means, of `n` values, with an interval at `level` that may be watched."""

    n: int
    mean: float
    low: float
    high: float
    level: float


@dataclass(frozen=True, slots=True)
class Since:
    """When it changed: the number of values of this stream before the change, and the interval around it."""

    index: int
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class Finding:
    """What can be said now.

    `significant` says that the null hypothesis (nothing got worse) is refuted at `alpha`; `answer` also asks for the
    floor and the minimum. `drop` is before minus after, positive when it got worse. All numbers are in the values' unit
    (`positive`: means are geometric, the drop is on the log scale; `rare`: a rise of the rate is a positive drop).
    """

    answer: Answer
    method: str
    alpha: float
    significant: bool
    before: Estimate | None = None
    after: Estimate | None = None
    drop: Estimate | None = None
    since: Since | None = None
