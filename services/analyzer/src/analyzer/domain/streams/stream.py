"""The state of one stream: of constant size, O(1) a value, and the same after a restart as without one."""

import json
from dataclasses import dataclass, field
from typing import Any

from analyzer.domain.detection import Finding, Monitor, Settings, State
from analyzer.domain.model import Reading, StreamKey
from analyzer.domain.rules import WatchRules
from analyzer.domain.segments.dimensions import Cell
from analyzer.domain.segments.mix_adjustment import SegmentProfile
from analyzer.domain.streams.recent_values import RecentValues
from analyzer.domain.streams.samples import Worst
from analyzer.domain.streams.sums import Sums
from analyzer.domain.streams.time_index import TimeIndex

FORMAT = 2


@dataclass(frozen=True, slots=True)
class Baseline:
    """What a stream is compared with: the values of `identity` up to some moment, segment by segment."""

    identity: str
    reference: State
    profile: SegmentProfile

    def dump(self) -> list[Any]:
        return [self.identity, self.reference, self.profile.dump()]

    @classmethod
    def load(cls, state: list[Any]) -> "Baseline":
        return cls(state[0], state[1], SegmentProfile.load(state[2]))


@dataclass(slots=True)
class Stream:
    """All that is known of one metric of one version.

    `sums` holds the latest values (a replaced one is taken back), `monitor` the evidence of the values as they first
    came, `window` the latest of them with corrections. `fresh` holds what `quality.measured` has not told yet. Values
    of executions before `after` are no evidence; `cleared` names the resolved regression that evidence begins after.
    `segmented`: the first value told of its traffic.
    Times are Unix times; `started` and `last` are by our clock, `after`, `fresh_start` and `fresh_end` by the app's.
    """

    key: StreamKey
    started: float
    monitor: Monitor
    samples: int
    segmented: bool = False
    standard: Baseline | None = None
    profile: SegmentProfile = field(default_factory=SegmentProfile)
    marks: TimeIndex = field(default_factory=TimeIndex)
    window: RecentValues = field(default_factory=RecentValues)
    worst: Worst = field(init=False)
    sums: Sums = field(default_factory=Sums)
    last: float = 0.0
    regressed: bool = False
    after: float = 0.0
    cleared: str = ""
    fresh: Sums = field(default_factory=Sums)
    fresh_since: float = 0.0
    fresh_start: float = 0.0
    fresh_end: float = 0.0

    def __post_init__(self) -> None:
        self.worst = Worst(self.samples)

    @property
    def young(self) -> bool:
        """Whether it may still be given a standard: it has too few values to conclude anything."""
        few = self.monitor.n < self.monitor.settings.minimum
        return self.standard is None and few and self.monitor.kind != "rare"

    @property
    def fit(self) -> bool:
        """Whether another version may be compared with it: it sets a standard, and was never found to be worse."""
        return not self.regressed and (self.standard is not None or self.monitor.reference() is not None)

    def sets(self) -> Baseline | None:
        """The standard that it sets by now; while it has too few values, the one that it is compared with itself."""
        reference = self.monitor.reference()
        return Baseline(self.key.identity, reference, self.profile.reference()) if reference else self.standard

    def watch(self, watching: WatchRules, standard: Baseline | None, after: float = 0.0, cleared: str = "") -> None:
        """Begins the evidence anew: against `standard`, or against what comes from now on."""
        self.monitor = monitor_of(watching, standard, self.segmented)
        self.standard, self.after, self.cleared = standard, after, cleared
        self.marks, self.window, self.worst = TimeIndex(), RecentValues(), Worst(self.samples)
        if standard is not None and not self.profile.n:
            self.profile = standard.profile.successor()

    def count(self, reading: Reading) -> None:
        """The order-free part: sums, and the window that is told next."""
        self.sums.replace(reading.former, reading.value)
        if reading.former is None or (self.fresh.n > 0 and reading.at >= self.fresh_start):
            self._count_fresh(reading)
        if reading.received > self.last:
            self.last = reading.received

    def observe(self, reading: Reading, cell: Cell, value: float, usual: float) -> bool:
        """Takes a value that is measured for the first time; whether there is something to look at with it.

        It is a bad one below the stream's own mean, or below the `usual` one: where all are bad, none is below its own.
        """
        compared = self._compared(cell, value)
        if reading.at < self.after:
            return False
        self.marks.add(self.monitor.n, reading.at)
        if self.window.add(compared, reading.at):
            self.worst.prune(self.window.start)
        if value < usual or value < self.sums.mean:
            self.worst.add(value, reading.at, reading.facts.execution_id)
        # An agreed rate counts the bad events themselves.
        return self.monitor.observe(1.0 - value if self.monitor.kind == "rare" else compared)

    def correct(self, reading: Reading, cell: Cell, usual: float) -> None:
        """Takes a value in the place of a former one: means change, evidence stays as it was won."""
        if reading.former is not None:
            self.profile.learn(cell, reading.former, -1)
            if reading.value is not None:
                self.profile.learn(cell, reading.value)
        if reading.at < self.after:
            return
        known = self.standard.profile if self.standard else self.profile
        former, value = (
            None if each is None else known.residual(cell, each) for each in (reading.former, reading.value)
        )
        self.window.correct(former, value, reading.at)
        self.worst.drop(reading.facts.execution_id)
        if reading.value is not None and (reading.value < usual or reading.value < self.sums.mean):
            self.worst.add(reading.value, reading.at, reading.facts.execution_id)

    def _compared(self, cell: Cell, value: float) -> float:
        """The value without what its segment does to it, against the standard's segments or its own."""
        if self.standard is not None:
            self.profile.learn(cell, value)
            return self.standard.profile.residual(cell, value)
        return self.profile.take(cell, value)

    def finding(self) -> Finding:
        """What can be said now."""
        return self.monitor.finding()

    def _count_fresh(self, reading: Reading) -> None:
        at = reading.at
        if self.fresh.n <= 0:
            self.fresh_since, self.fresh_start, self.fresh_end = reading.received, at, at
        self.fresh.replace(reading.former, reading.value)
        if at < self.fresh_start:
            self.fresh_start = at
        elif at > self.fresh_end:
            self.fresh_end = at

    def told(self) -> None:
        """What was fresh has been told."""
        self.fresh = Sums()

    def dump(self) -> str:
        """The state as JSON. Floats are written so that they read back exactly."""
        fresh = [*self.fresh.dump(), self.fresh_since, self.fresh_start, self.fresh_end]
        parts = [self.profile.dump(), self.marks.dump(), self.window.dump(), self.worst.kept]
        standard = self.standard.dump() if self.standard else None
        rest = [self.segmented, self.last, self.regressed, self.after, self.cleared]
        told = [self.started, self.sums.dump(), self.samples, self.monitor.dump(), standard]
        state = [FORMAT, *told, parts, rest, fresh]
        return json.dumps(state, separators=(",", ":"))

    @classmethod
    def load(cls, key: StreamKey, watching: WatchRules, state: list[Any]) -> "Stream":
        """The stream that `dump` wrote."""
        _, started, sums, samples, monitor, standard, (profile, marks, window, worst), rest, fresh = state
        segmented = rest[0]
        known = Monitor.load(monitor, _settings(watching, segmented))
        if (known.kind == "rare") != (watching.agreed is not None):  # a rule came, or went
            known = monitor_of(watching, None, segmented)
        stream = cls(key, started, known, samples, segmented, Baseline.load(standard) if standard else None)
        stream.profile, stream.marks, stream.window = (
            SegmentProfile.load(profile),
            TimeIndex.load(marks),
            RecentValues.load(window),
        )
        stream.sums, stream.fresh = Sums(*sums), Sums(*fresh[:3])
        stream.fresh_since, stream.fresh_start, stream.fresh_end = fresh[3:]
        _, stream.last, stream.regressed, stream.after, stream.cleared = rest
        stream.worst.kept = [(value, at, execution_id) for value, at, execution_id in worst]
        return stream


def monitor_of(watching: WatchRules, standard: Baseline | None, segmented: bool) -> Monitor:
    """A monitor without values."""
    if watching.agreed is not None:
        return Monitor("rare", watching.settings, agreed=watching.agreed)
    reference = standard.reference if standard else None
    return Monitor(watching.kind, _settings(watching, segmented), reference=reference)


def _settings(watching: WatchRules, segmented: bool) -> Settings:
    """What is left of values when their segment's mean is taken out is tested more strictly."""
    return watching.settings.residualised() if segmented else watching.settings
