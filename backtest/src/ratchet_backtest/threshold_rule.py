"""A common threshold rule for comparison: alarm if the mean of 100 values is worse than the baseline by the floor.

The floor is 5 pp; 10 % for latency and cost, which are compared on the log scale.
"""

from collections import deque
from dataclasses import dataclass, field

import numpy as np

from ratchet_backtest.columnar.row_groups import Floats, Ints

WINDOW = 100
_MAX_BASELINE = 1000


@dataclass(slots=True)
class ThresholdRule:
    """The rule for all values of one metric, evaluated after every value.

    The baseline is the mean of the first 1,000 values, or of the first half if there are fewer than 2,000. Consecutive
    values beyond the threshold are one alarm; another one needs 100 values within it first.
    """

    total: int
    drop: float = 0.05
    alarms: list[int] = field(default_factory=list)
    """The positions at which alarms started."""
    baseline: float = 0.0
    _n: int = 0
    _sum: float = 0.0
    _latest: deque[float] = field(default_factory=deque)
    _quiet: int = WINDOW
    _learning: int = field(init=False)

    def __post_init__(self) -> None:
        self._learning = min(_MAX_BASELINE, self.total // 2)

    def add_all(self, positions: Ints, values: Floats) -> None:
        """Add all values at once, with the floats of adding them one by one."""
        for position, value in enumerate(values[: self._learning].tolist()):
            self.add(position, value)
        later = values[self._learning :]
        if len(later) < WINDOW:
            return
        # Each value is added before the one that leaves the window is subtracted.
        moves = np.zeros((len(later), 2))
        moves[:, 0] = later
        moves[WINDOW:, 1] = -later[:-WINDOW]
        means = np.cumsum(moves.ravel())[1::2][WINDOW - 1 :] / WINDOW
        breaches = np.flatnonzero(~(means > self.baseline - self.drop))
        quiet = np.diff(breaches, prepend=-1 - WINDOW) - 1
        starts = breaches[quiet >= WINDOW]
        self.alarms = positions[self._learning + WINDOW - 1 + starts].tolist()

    def add(self, position: int, value: float) -> None:
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
