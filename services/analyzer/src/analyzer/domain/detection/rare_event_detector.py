"""Test of rare bad events against an agreed rate: exact at every rate, without a normal approximation."""

from analyzer.domain.detection.intervals import estimate_rate
from analyzer.domain.detection.types import Estimate, JsonState

_RATIOS = (2.0, 3.0, 5.0, 10.0, 30.0)
"""Alternatives that are tested, as multiples of the agreed rate."""
_RICH = 1e15


_BATCH = 64
_SOON = 1000.0
"""Half of the stakes are on a rise within this many values, the other half on later ones."""


class RareEventTest:
    """Weighted Shiryaev-Roberts e-process (Shin, Ramdas and Rinaldo, 2024) for a rate above `agreed`.

    Null hypothesis: the probability of each event, given the earlier values, is at most `agreed`. Under it the expected
    sum never exceeds the stakes, which add up to one, so it reaches 1/alpha with probability at most alpha (Ville).
    """

    __slots__ = ("_lost", "_waiting", "_won", "agreed", "alpha", "events", "n", "sums")

    def __init__(self, agreed: float, alpha: float) -> None:
        if not 0.0 < agreed < 1.0:
            raise ValueError("agreed: must be between 0 and 1")
        rates = [min(agreed * ratio, (1.0 + agreed) / 2.0) for ratio in _RATIOS]
        self._won = [rate / agreed for rate in rates]
        self._lost = [(1.0 - rate) / (1.0 - agreed) for rate in rates]
        self.agreed, self.alpha = agreed, alpha
        self.n = self.events = self._waiting = 0
        self.sums = [0.0] * len(rates)

    def observe(self, happened: bool) -> bool:
        """Add a value and return whether the rate is shown to be above `agreed`.

        Values without an event only lower the sums, so they are added in batches.
        """
        self.n += 1
        self._waiting += 1
        if not happened:
            if self._waiting == _BATCH:
                self._add_quiet(self._waiting)
            return False
        self.events += 1
        self._add_quiet(self._waiting - 1)
        stake = self._stake(self.n)
        self.sums = [min((old + stake) * won, _RICH) for old, won in zip(self.sums, self._won, strict=True)]
        return self.significant

    def _stake(self, n: int) -> float:
        """Return the stake on each value since the last update, up to the `n`th."""
        return _SOON / ((n + _SOON) * (n + _SOON + 1.0) * len(_RATIOS))

    def _add_quiet(self, values: int) -> None:
        """Update the sums with `values` values without an event."""
        stake = self._stake(self.n)
        for index, lost in enumerate(self._lost):
            left = lost**values
            self.sums[index] = self.sums[index] * left + stake * lost * (1.0 - left) / (1.0 - lost)
        self._waiting = 0

    @property
    def significant(self) -> bool:
        return sum(self.sums) >= 1.0 / self.alpha

    def estimate(self) -> Estimate:
        """Return the rate so far, with its interval."""
        return estimate_rate(self.n, self.events)

    def dump(self) -> JsonState:
        return [self.agreed, self.alpha, self.n, self.events, self._waiting, self.sums]

    @classmethod
    def load(cls, state: JsonState) -> "RareEventTest":
        """Return the test that `dump` wrote."""
        agreed, alpha, n, events, waiting, sums = state
        rate = cls(agreed, alpha)
        rate.n, rate.events, rate._waiting, rate.sums = n, events, waiting, list(sums)
        return rate
