"""The tests of one stream.

monitor = Monitor("bounded", settings)                      # no reference: compared with its own earlier values
monitor = Monitor("bounded", settings, reference=other.reference())   # a declared switch: a new version starts
monitor = Monitor("rare", settings, agreed=0.001)           # compared with an agreed rate
monitor.learn(value)              # history: counted, not tested
if monitor.observe(value): ...    # True if something is significant, of any size: see finding()
monitor.finding()                 # regressed, holds, inconclusive, no baseline yet or no data
state = monitor.dump(); monitor = Monitor.load(state, settings)       # JSON, without loss
"""

from collections.abc import Sequence

from analyzer.domain.detection.change_point_scan import ChangeCandidate, DriftScan, drop_score, sides
from analyzer.domain.detection.findings import drift_finding, no_finding, rate_finding, switch_finding
from analyzer.domain.detection.rare_event_detector import RareEventTest
from analyzer.domain.detection.running_stats import BLOCK, Block, BlockAverager, RunningStats
from analyzer.domain.detection.switch_comparison import Reference, SwitchTest
from analyzer.domain.detection.types import DetectionSettings, Finding, JsonState, ValueKind


class Monitor:
    """State and tests of one stream: bounded size, O(1) per value."""

    __slots__ = ("_blocks", "_drift", "_found", "_rate", "_stats", "_switch", "kind", "settings")

    def __init__(
        self,
        kind: ValueKind,
        settings: DetectionSettings,
        *,
        reference: JsonState | None = None,
        agreed: float | None = None,
    ) -> None:
        if (kind == "rare") != (agreed is not None):
            raise ValueError("an agreed rate is required for kind 'rare' and not allowed for other kinds")
        self.kind, self.settings = kind, settings
        self._blocks = BlockAverager(kind)
        bounded = kind in ("bounded", "binary")
        self._stats = RunningStats(bounded)
        self._drift: DriftScan | None = None
        self._found: ChangeCandidate | None = None
        self._switch = SwitchTest(Reference(*reference), settings.alpha / 2.0, bounded) if reference else None
        self._rate = None if agreed is None else RareEventTest(agreed, settings.alpha)

    def learn(self, value: float) -> None:
        """Add a value of the history, which is not tested. NaN is ignored."""
        block = self._blocks.add(value)
        if block is not None:
            self._stats.add(*block)

    def observe(self, value: float) -> bool:
        """Add a value and return whether a test is significant. NaN is ignored."""
        if self._rate is not None:
            return value == value and self._rate.observe(value > 0.0)
        block = self._blocks.add(value)
        return block is not None and self.close(block)

    def complete(self, values: Sequence[float]) -> list[tuple[int, Block]]:
        """Return the blocks that these values would complete; then `close` those that count, and `keep` the values.

        Together they do what `observe` does one by one, except for kind `rare`, which has no blocks.
        """
        return self._blocks.complete(values)

    def keep(self, values: Sequence[float]) -> None:
        """Add values whose complete blocks have been closed."""
        self._blocks.keep(values)

    def close(self, block: Block) -> bool:
        """Run one step of every test with a complete block."""
        stats, drift = self._stats, self._drift
        since = self._switch is not None and self._switch.add(*block)
        if drift is None:
            if stats.n * BLOCK < self.settings.warmup or stats.variance <= 0.0:
                stats.add(*block)
                return since
            drift = self._drift = DriftScan(self.settings.alpha / (2.0 if self._switch else 1.0), stats)
        drift.mark(stats)
        self._found = drift.scan(stats, stats.add(*block), self._found)
        return since or self._found is not None

    @property
    def n(self) -> int:
        """The number of values so far, without NaN."""
        return self._rate.n if self._rate else self._stats.n * BLOCK + self._blocks.waiting

    @property
    def waiting(self) -> int:
        """The number of values in the incomplete block."""
        return self._blocks.waiting

    @property
    def regressed(self) -> bool:
        """Whether `finding` is "regressed"; cheap while no drop reaches the floor."""
        floor, switch, found = self.settings.floor, self._switch, self._found
        compared = [] if found is None else [sides(found, self._stats)]
        compared += [switch.sides] if switch is not None and switch.n else []
        if self._rate is None and not any(before.mean - after.mean >= floor for before, after in compared):
            return False
        return self.finding().answer == "regressed"

    def reference(self) -> JsonState | None:
        """Return the reference for a later version; None if there are too few values."""
        return self._dump_reference(Reference.from_stats(self._stats))

    def before(self) -> JsonState | None:
        """Return the reference from before the drop that `finding` reports, to test recovery against."""
        within = self._within()
        if within is not None:
            return self._dump_reference(Reference.before_change(within, self._stats))
        return self._switch.reference.dump() if self._switch else None

    def _dump_reference(self, reference: Reference | None) -> JsonState | None:
        if reference is None or reference.n * BLOCK < self.settings.minimum:
            return None
        return reference.dump()

    def finding(self) -> Finding:
        """Return the current finding: of the switch, or of a later drop if that one is more significant."""
        if self._rate is not None:
            return rate_finding(self._rate, self.settings)
        within = self._within()
        if self._switch is not None and self.n and within is None:
            return switch_finding(self._switch, self.kind, self.settings)
        if self._drift is None:
            return no_finding(self.n, self.settings)
        return drift_finding(self._drift, within, self._stats, self.kind, self.settings)

    def _within(self) -> ChangeCandidate | None:
        """Return where a drop after the switch begins, if it is more significant than the switch."""
        found, stats, switch = self._found, self._stats, self._switch
        if found is None or switch is None or not switch.significant:
            return found
        before, after = sides(found, stats)
        worse = before.mean - after.mean >= self.settings.floor
        return found if worse and drop_score(found, stats) > switch.score else None

    def dump(self) -> JsonState:
        found = self._drift.points.index(self._found) if self._drift and self._found else None
        parts = (self._stats, self._drift, self._switch, self._rate)
        return [self.kind, self._blocks.dump(), found, *(part.dump() if part else None for part in parts)]

    @classmethod
    def load(cls, state: JsonState, settings: DetectionSettings) -> "Monitor":
        """Return the monitor that `dump` wrote."""
        kind, blocks, found, stats, drift, switch, rate = state
        monitor = cls(kind, settings, agreed=rate[0] if rate else None)
        monitor._blocks, monitor._stats = BlockAverager.load(kind, blocks), RunningStats.load(stats)
        monitor._drift = DriftScan.load(drift, monitor._stats) if drift else None
        monitor._switch = SwitchTest.load(switch) if switch else None
        monitor._rate = RareEventTest.load(rate) if rate else None
        if monitor._drift is not None and found is not None:
            monitor._found = monitor._drift.points[found]
        return monitor
