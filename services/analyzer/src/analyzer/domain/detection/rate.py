"""Rare bad events against an agreed rate: bets, exact at every rate; nothing is assumed normal."""

from analyzer.domain.detection.intervals import share_of
from analyzer.domain.detection.types import Estimate, State

_RATIOS = (2.0, 3.0, 5.0, 10.0, 30.0)
"""The rises that are betted on, as multiples of the agreed rate."""
_RICH = 1e15


_SLAB = 64
_SOON = 1000.0
"""Half of the stakes lie on a rise within this many values; the other half on all later ones."""


class Rate:
    """A weighted Shiryaev-Roberts sum of bets (Shin, Ramdas and Rinaldo, 2024): events come more often than `agreed`.

    Null hypothesis: each event's chance, given the past, is at most `agreed`. Under it the sum is expected never to
    exceed the stakes, which add up to one; so it ever reaches 1/alpha with a chance of at most alpha (Ville).
    """

    __slots__ = ("_lost", "_waiting", "_won", "agreed", "alpha", "events", "n", "sums")

    def __init__(self, agreed: float, alpha: float) -> None:
        if not 0.0 < agreed < 1.0:
            raise ValueError("the agreed rate lies between 0 and 1")
        rates = [min(agreed * ratio, (1.0 + agreed) / 2.0) for ratio in _RATIOS]
        self._won = [rate / agreed for rate in rates]
        self._lost = [(1.0 - rate) / (1.0 - agreed) for rate in rates]
        self.agreed, self.alpha = agreed, alpha
        self.n = self.events = self._waiting = 0
        self.sums = [0.0] * len(rates)

    def observe(self, happened: bool) -> bool:
        """Takes a value; whether the evidence suffices. Without an event it only falls: the sums can wait."""
        self.n += 1
        self._waiting += 1
        if not happened:
            if self._waiting == _SLAB:
                self._settle(self._waiting)
            return False
        self.events += 1
        self._settle(self._waiting - 1)
        stake = self._stake(self.n)
        self.sums = [min((old + stake) * won, _RICH) for old, won in zip(self.sums, self._won, strict=True)]
        return self.significant

    def _stake(self, n: int) -> float:
        """What is staked on each of the values since the last settling, up to the `n`th; never more than planned."""
        return _SOON / ((n + _SOON) * (n + _SOON + 1.0) * len(_RATIOS))

    def _settle(self, values: int) -> None:
        """Settles so many values without an event."""
        stake = self._stake(self.n)
        for place, lost in enumerate(self._lost):
            left = lost**values
            self.sums[place] = self.sums[place] * left + stake * lost * (1.0 - left) / (1.0 - lost)
        self._waiting = 0

    @property
    def significant(self) -> bool:
        return sum(self.sums) >= 1.0 / self.alpha

    def estimate(self) -> Estimate:
        """The rate so far."""
        return share_of(self.n, self.events)

    def dump(self) -> State:
        return [self.agreed, self.alpha, self.n, self.events, self._waiting, self.sums]

    @classmethod
    def load(cls, state: State) -> "Rate":
        """The bets that `dump` wrote."""
        agreed, alpha, n, events, waiting, sums = state
        rate = cls(agreed, alpha)
        rate.n, rate.events, rate._waiting, rate.sums = n, events, waiting, list(sums)
        return rate
