"""Rare bad events against an agreed rate: bets, exact at every rate; nothing is assumed normal."""

from analyzer.detection.intervals import share_of
from analyzer.detection.words import Estimate, State

_RATIOS = (2.0, 3.0, 5.0, 10.0, 30.0)
"""The rises that are betted on, as multiples of the agreed rate."""
_RICH = 1e15


_SOON = 1000.0
"""Half of the stakes lie on a rise within this many values; the other half on all later ones."""


class Rate:
    """A weighted Shiryaev-Roberts sum of bets (Shin, Ramdas and Rinaldo, 2024) that events come more often than `agreed`.

    Null hypothesis: each event's chance, given the past, is at most `agreed`. Under it the sum is expected never to
    exceed the stakes, which add up to one; so it ever reaches 1/alpha with a chance of at most alpha (Ville).
    """

    __slots__ = ("_lost", "_won", "agreed", "alpha", "events", "n", "sums")

    def __init__(self, agreed: float, alpha: float) -> None:
        if not 0.0 < agreed < 1.0:
            raise ValueError("the agreed rate lies between 0 and 1")
        rates = [min(agreed * ratio, (1.0 + agreed) / 2.0) for ratio in _RATIOS]
        self._won = [rate / agreed for rate in rates]
        self._lost = [(1.0 - rate) / (1.0 - agreed) for rate in rates]
        self.agreed, self.alpha = agreed, alpha
        self.n = self.events = 0
        self.sums = [0.0] * len(rates)

    def observe(self, happened: bool) -> bool:
        """Takes a value; whether the evidence suffices."""
        stake = _SOON / ((self.n + _SOON) * (self.n + _SOON + 1.0) * len(_RATIOS))
        self.n += 1
        self.events += happened
        factors = self._won if happened else self._lost
        self.sums = [min((old + stake) * factor, _RICH) for old, factor in zip(self.sums, factors, strict=True)]
        return happened and self.significant

    @property
    def significant(self) -> bool:
        return sum(self.sums) >= 1.0 / self.alpha

    def estimate(self) -> Estimate:
        """The rate so far."""
        return share_of(self.n, self.events)

    def dump(self) -> State:
        return [self.agreed, self.alpha, self.n, self.events, self.sums]

    @classmethod
    def load(cls, state: State) -> "Rate":
        """The bets that `dump` wrote."""
        agreed, alpha, n, events, sums = state
        rate = cls(agreed, alpha)
        rate.n, rate.events, rate.sums = n, events, list(sums)
        return rate
