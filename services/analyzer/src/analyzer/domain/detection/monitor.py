"""One stream under watch: what the ledger feeds values to and asks for findings.

monitor = Monitor("bounded", settings)                      # no standard: watched against its own past
monitor = Monitor("bounded", settings, reference=other.reference())   # a declared switch: a new version starts
monitor = Monitor("rare", settings, agreed=0.001)           # against an agreed rate
monitor.learn(value)              # history that is only learned from (warm start); the watch begins with observe
if monitor.observe(value): ...    # True when something is significant by now, however small: look at finding()
monitor.finding()                 # what can be said now: regressed, holds, inconclusive, no baseline yet …
state = monitor.dump(); monitor = Monitor.load(state, settings)       # JSON; the same to the last bit
"""

from analyzer.domain.detection.block_means import Block, Blocks
from analyzer.domain.detection.drift import Drift, Point, drop_score, sides
from analyzer.domain.detection.findings import drift_finding, nothing_yet, rate_finding, switch_finding
from analyzer.domain.detection.rate import Rate
from analyzer.domain.detection.running_stats import BLOCK, RunningStats
from analyzer.domain.detection.switch import Reference, Switch
from analyzer.domain.detection.types import Finding, Kind, Settings, State


class Monitor:
    """The memory and the tests of one stream; of bounded size, O(1) a value."""

    __slots__ = ("_blocks", "_drift", "_found", "_past", "_rate", "_switch", "kind", "settings")

    def __init__(
        self, kind: Kind, settings: Settings, *, reference: State | None = None, agreed: float | None = None
    ) -> None:
        if (kind == "rare") != (agreed is not None):
            raise ValueError("a rare event, and nothing else, needs an agreed rate")
        self.kind, self.settings = kind, settings
        self._blocks = Blocks(kind)
        bounded = kind in ("bounded", "binary")
        self._past = RunningStats(bounded)
        self._drift: Drift | None = None
        self._found: Point | None = None
        self._switch = Switch(Reference(*reference), settings.alpha / 2.0, bounded) if reference else None
        self._rate = None if agreed is None else Rate(agreed, settings.alpha)

    def learn(self, value: float) -> None:
        """Takes a value of history, before the watch begins: nothing is tested. NaN is no value."""
        block = self._blocks.take(value)
        if block is not None:
            self._past.add(*block)

    def observe(self, value: float) -> bool:
        """Takes a value; whether something is significant with it. NaN is no value."""
        if self._rate is not None:
            return value == value and self._rate.observe(value > 0.0)
        block = self._blocks.take(value)
        return block is not None and self._close(block)

    def _close(self, block: Block) -> bool:
        """A block is full: one step of every test."""
        past, drift = self._past, self._drift
        since = self._switch is not None and self._switch.add(*block)
        if drift is None:
            if past.n * BLOCK < self.settings.warmup or past.variance <= 0.0:
                past.add(*block)
                return since
            drift = self._drift = Drift(self.settings.alpha / (2.0 if self._switch else 1.0), past)
        drift.mark(past)
        self._found = drift.look(past, past.add(*block), self._found)
        return since or self._found is not None

    @property
    def n(self) -> int:
        """Values so far, NaN not counted."""
        return self._rate.n if self._rate else self._past.n * BLOCK + self._blocks.waiting

    def reference(self) -> State | None:
        """The standard that this stream sets by now for a version after it; None where it has too few values."""
        return self._standard(Reference.of(self._past))

    def before(self) -> State | None:
        """The standard from before the drop that `finding` tells of: what a recovery is measured against."""
        within = self._within()
        if within is not None:
            return self._standard(Reference.until(within, self._past))
        return self._switch.reference.dump() if self._switch else None

    def _standard(self, reference: Reference | None) -> State | None:
        if reference is None or reference.n * BLOCK < self.settings.minimum:
            return None
        return reference.dump()

    def finding(self) -> Finding:
        """What can be said now: of the switch, or of a drop within the version's own life that says more."""
        if self._rate is not None:
            return rate_finding(self._rate, self.settings)
        within = self._within()
        if self._switch is not None and self.n and within is None:
            return switch_finding(self._switch, self.kind, self.settings)
        if self._drift is None:
            return nothing_yet(self.n, self.settings)
        return drift_finding(self._drift, within, self._past, self.kind, self.settings)

    def _within(self) -> Point | None:
        """Where the drop within the own life begins, if there is one and it says more than the switch does."""
        found, past, switch = self._found, self._past, self._switch
        if found is None or switch is None or not switch.significant:
            return found
        before, after = sides(found, past)
        worse = before.mean - after.mean >= self.settings.floor
        return found if worse and drop_score(found, past) > switch.score else None

    def dump(self) -> State:
        found = self._drift.points.index(self._found) if self._drift and self._found else None
        parts = (self._past, self._drift, self._switch, self._rate)
        return [self.kind, self._blocks.dump(), found, *(part.dump() if part else None for part in parts)]

    @classmethod
    def load(cls, state: State, settings: Settings) -> "Monitor":
        """The monitor that `dump` wrote."""
        kind, blocks, found, past, drift, switch, rate = state
        monitor = cls(kind, settings, agreed=rate[0] if rate else None)
        monitor._blocks, monitor._past = Blocks.load(kind, blocks), RunningStats.load(past)
        monitor._drift = Drift.load(drift, monitor._past) if drift else None
        monitor._switch = Switch.load(switch) if switch else None
        monitor._rate = Rate.load(rate) if rate else None
        if monitor._drift is not None and found is not None:
            monitor._found = monitor._drift.points[found]
        return monitor
