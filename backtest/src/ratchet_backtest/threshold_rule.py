"""What most products ship: an alarm when the mean of the latest 100 values is 5 pp below the baseline's.

For latency and cost, which are compared on the log scale, it is 10 % above it: the metric's floor in both cases.
"""

from collections import deque
from dataclasses import dataclass, field

WINDOW = 100
_MOST_BASELINE = 1000


@dataclass(slots=True)
class ThresholdRule:
    """The rule, fed with all values of one metric in turn, whatever the version.

    Its baseline is the mean of the first 1,000 values, of the first half where there are fewer than 2,000. It is
    looked at after every value. While it cries, it is one alarm; it can cry anew after 100 quiet values.
    """

    total: int
    drop: float = 0.05
    alarms: list[int] = field(default_factory=list)
    """The positions at which it began to cry."""
    baseline: float = 0.0
    _n: int = 0
    _sum: float = 0.0
    _latest: deque[float] = field(default_factory=deque)
    _quiet: int = WINDOW
    _learning: int = field(init=False)

    def __post_init__(self) -> None:
        self._learning = min(_MOST_BASELINE, self.total // 2)

    def take(self, position: int, value: float) -> None:
        self._n += 1
        if self._n <= self._learning:
            self.baseline += (value - self.baseline) / self._n
            return
        self._latest.append(value)
        self._sum += value
        if len(self._latest) > WINDOW:
            self._sum -= self._latest.popleft()
        if len(self._latest) < WINDOW:
            return
        if self._sum / WINDOW > self.baseline - self.drop:
            self._quiet += 1
            return
        if self._quiet >= WINDOW:
            self.alarms.append(position)
        self._quiet = 0
