"""One stream under watch: what the ledger feeds values to and asks for findings.

monitor = Monitor("bounded", settings)                      # a stream without a standard: watched against its own past
monitor = Monitor("bounded", settings, reference=other.reference())   # a declared switch: a new version starts
monitor = Monitor("rare", settings, agreed=0.001)           # against an agreed rate
monitor.learn(value)              # history that is only learned from (warm start); the watch begins with observe
if monitor.observe(value): ...    # True when something is significant by now, however small: look at finding()
monitor.finding()                 # what can be said now: regressed, holds, inconclusive, no data
state = monitor.dump(); monitor = Monitor.load(state, settings)       # JSON; the same to the last bit
"""

import math

from analyzer.detection.drift import Drift
from analyzer.detection.findings import drift_finding, no_data, rate_finding, switch_finding
from analyzer.detection.past import BLOCK, Past
from analyzer.detection.rate import Rate
from analyzer.detection.switch import Reference, Switch
from analyzer.detection.words import Finding, Kind, Settings, State

_TINY = 1e-9


class Monitor:
    """The memory and the tests of one stream; of bounded size, O(1) a value."""

    __slots__ = ("_acc", "_drift", "_fill", "_found", "_rate", "_sq", "_switch", "kind", "past", "settings")

    def __init__(
        self, kind: Kind, settings: Settings, *, reference: State | None = None, agreed: float | None = None
    ) -> None:
        self.kind, self.settings = kind, settings
        self.past = Past(kind in ("bounded", "binary"))
        self._fill, self._acc, self._sq = 0, 0.0, 0.0
        self._drift: Drift | None = None
        self._found: list[float] | None = None
        self._switch = Switch(Reference(*reference), settings.alpha / 2.0, self.past.bounded) if reference else None
        self._rate: Rate | None = None
        if kind == "rare":
            if agreed is None:
                raise ValueError("a rare event needs an agreed rate")
            self._rate = Rate(agreed, settings.alpha)

    def learn(self, value: float) -> None:
        """Takes a value of history: nothing is tested. NaN is no value."""
        self._take(value, watched=False)

    def observe(self, value: float) -> bool:
        """Takes a value; whether something is significant with it. NaN is no value."""
        return self._take(value, watched=True)

    def _take(self, value: float, watched: bool) -> bool:
        if value != value:
            return False
        if self._rate is not None:
            return self._rate.observe(value > 0.0) and watched
        if self.kind == "positive":
            value = -math.log(value if value > _TINY else _TINY)
        self._acc += value
        self._sq += value * value
        self._fill += 1
        if self._fill < BLOCK:
            return False
        mean, square = self._acc / BLOCK, self._sq / BLOCK
        self._fill, self._acc, self._sq = 0, 0.0, 0.0
        if not watched:
            self.past.add(mean, square)
            return False
        return self._close(mean, square)

    def _close(self, mean: float, square: float) -> bool:
        """A block is full: one step of every test."""
        past = self.past
        since = self._switch is not None and self._switch.add(mean, square)
        drift = self._drift
        if drift is None:
            if past.n * BLOCK < self.settings.warmup or past.variance <= 0.0:
                past.add(mean, square)
                return since
            alpha = self.settings.alpha / (2.0 if self._switch else 1.0)
            drift = self._drift = Drift(alpha, past)
        drift.mark(past)
        self._found = drift.look(past, past.add(mean, square))
        return since or self._found is not None

    @property
    def n(self) -> int:
        """Values so far, NaN not counted."""
        return self._rate.n if self._rate else self.past.n * BLOCK + self._fill

    def reference(self) -> State | None:
        """The standard that this stream sets by now for a version after it; None where it has too few values."""
        if self._rate is not None or self.past.n * BLOCK < self.settings.minimum:
            return None
        reference = Reference.of(self.past)
        return reference.dump() if reference else None

    def finding(self) -> Finding:
        """What can be said now. A switch is asked first: its answer stands unless it says nothing."""
        if self._rate is not None:
            return rate_finding(self._rate, self.settings)
        if self._switch is not None and self._switch.n:
            answer = switch_finding(self._switch, self.kind, self.settings)
            if answer.answer == "regressed" or self._found is None:
                return answer
        if self._drift is None:
            return no_data(self.settings)
        return drift_finding(self._drift, self._found, self.past, self.kind, self.settings)

    def dump(self) -> State:
        parts = (self.past, self._drift, self._switch, self._rate)
        found = None
        if self._drift is not None and self._found is not None:
            found = self._drift.points.index(self._found)
        return [self.kind, self._fill, self._acc, self._sq, found, *(part.dump() if part else None for part in parts)]

    @classmethod
    def load(cls, state: State, settings: Settings) -> "Monitor":
        """The monitor that `dump` wrote."""
        kind, fill, acc, square, found, past, drift, switch, rate = state
        monitor = cls(kind, settings, agreed=0.5 if rate else None)
        monitor._fill, monitor._acc, monitor._sq = fill, acc, square
        monitor.past = Past.load(past)
        monitor._drift = Drift.load(drift, monitor.past) if drift else None
        monitor._switch = Switch.load(switch) if switch else None
        monitor._rate = Rate.load(rate) if rate else None
        if monitor._drift is not None and found is not None:
            monitor._found = monitor._drift.points[found]
        return monitor
