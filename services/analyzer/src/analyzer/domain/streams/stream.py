"""The state of one stream: constant size, O(1) per value, saved without loss."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic_core import to_json

from analyzer.domain.detection import DetectionSettings, Finding, JsonState, Monitor
from analyzer.domain.model import Reading, StreamKey
from analyzer.domain.segments.dimensions import Cell
from analyzer.domain.segments.mix_adjustment import SegmentProfile
from analyzer.domain.streams.samples import RecentValues, TimeIndex, WorstSample
from analyzer.domain.streams.sums import Sums
from analyzer.domain.watch_rules import WatchRules

FORMAT = 2


@dataclass(frozen=True, slots=True)
class Baseline:
    """What a stream is compared with: the values of `identity` up to some time, by segment."""

    identity: str
    reference: JsonState
    profile: SegmentProfile

    def dump(self) -> list[Any]:
        return [self.identity, self.reference, self.profile.dump()]

    @classmethod
    def load(cls, state: list[Any]) -> "Baseline":
        return cls(state[0], state[1], SegmentProfile.load(state[2]))


@dataclass(slots=True)
class Stream:
    """State of one metric of one version.

    `sums`: all values with corrections. `monitor`: evidence of the values as first received. `window`: the latest
    values with corrections. `unreported`: values that no `quality.measured` has reported yet. Executions before `after`
    are no evidence; `cleared` names the resolved regression after which evidence restarted. `segmented`: the first
    value had traffic dimensions. Times are Unix times; `started` and `last` by the server's clock, `after`,
    `unreported_start` and `unreported_end` by the app's.
    """

    key: StreamKey
    started: float
    monitor: Monitor
    samples: int
    segmented: bool = False
    baseline: Baseline | None = None
    profile: SegmentProfile = field(default_factory=SegmentProfile)
    time_index: TimeIndex = field(default_factory=TimeIndex)
    window: RecentValues = field(default_factory=RecentValues)
    worst: WorstSample = field(init=False)
    sums: Sums = field(default_factory=Sums)
    last: float = 0.0
    regressed: bool = False
    after: float = 0.0
    cleared: str = ""
    unreported: Sums = field(default_factory=Sums)
    unreported_since: float = 0.0
    unreported_start: float = 0.0
    unreported_end: float = 0.0

    def __post_init__(self) -> None:
        self.worst = WorstSample(self.samples)

    @property
    def accepts_baseline(self) -> bool:
        """Whether it may still be given a baseline: it has none, and too few values for a conclusion."""
        few = self.monitor.n < self.monitor.settings.minimum
        return self.baseline is None and few and self.monitor.kind != "rare"

    @property
    def can_be_baseline(self) -> bool:
        """Whether other versions may be compared with it: enough values, and no regression."""
        return not self.regressed and (self.baseline is not None or self.monitor.reference() is not None)

    def to_baseline(self) -> Baseline | None:
        """Return it as a baseline for a later version; while it has too few values, its own baseline."""
        reference = self.monitor.reference()
        return Baseline(self.key.identity, reference, self.profile.reference()) if reference else self.baseline

    def restart(self, watching: WatchRules, baseline: Baseline | None, after: float = 0.0, cleared: str = "") -> None:
        """Restart the evidence. Compare with `baseline`, or, without one, with the stream's own values from now on."""
        self.monitor = new_monitor(watching, baseline, self.segmented)
        self.baseline, self.after, self.cleared = baseline, after, cleared
        self.time_index, self.window, self.worst = TimeIndex(), RecentValues(), WorstSample(self.samples)
        if baseline is not None and not self.profile.n:
            self.profile = baseline.profile.successor()

    def count(self, reading: Reading) -> None:
        """Add the reading to the sums and to the next measurement, in any order."""
        self.sums.replace(reading.former, reading.value)
        if reading.former is None or (self.unreported.n > 0 and reading.at >= self.unreported_start):
            self._count_unreported(reading)
        if reading.received > self.last:
            self.last = reading.received

    def count_many(self, micros: Sequence[int], at: Sequence[float], received: Sequence[float]) -> None:
        """Count new values as `count` does one by one; `micros` are those of `Sums`."""
        if not micros:
            return
        self.sums.add_micros(micros)
        if self.unreported.n <= 0:
            self.unreported_since, self.unreported_start, self.unreported_end = received[0], at[0], at[0]
        self.unreported.add_micros(micros)
        self.unreported_start, self.unreported_end = min(self.unreported_start, *at), max(self.unreported_end, *at)
        self.last = max(self.last, *received)

    def observe(self, reading: Reading, cell: Cell, value: float, mean: float) -> bool:
        """Test a new value and return whether a test is significant.

        A value is sampled as bad below the mean of the stream or below `mean`, that of the dimension.
        """
        compared = self._compared(cell, value)
        if reading.at < self.after:
            return False
        self.time_index.add(self.monitor.n, reading.at)
        if self.window.add(compared, reading.at):
            self.worst.prune(self.window.start)
        if value < mean or value < self.sums.mean:
            self.worst.add(value, reading.at, reading.facts.execution_id)
        # Tests against an agreed rate count bad events.
        return self.monitor.observe(1.0 - value if self.monitor.kind == "rare" else compared)

    def correct(self, reading: Reading, cell: Cell, mean: float) -> None:
        """Replace the former value: means change, evidence does not."""
        if reading.former is not None:
            self.profile.learn(cell, reading.former, -1)
            if reading.value is not None:
                self.profile.learn(cell, reading.value)
        if reading.at < self.after:
            return
        known = self.baseline.profile if self.baseline else self.profile
        former, value = (
            None if each is None else known.residual(cell, each) for each in (reading.former, reading.value)
        )
        self.window.correct(former, value, reading.at)
        self.worst.drop(reading.facts.execution_id)
        if reading.value is not None and (reading.value < mean or reading.value < self.sums.mean):
            self.worst.add(reading.value, reading.at, reading.facts.execution_id)

    def _compared(self, cell: Cell, value: float) -> float:
        """Return the value adjusted by its segment, with the baseline's profile or its own."""
        if self.baseline is not None:
            self.profile.learn(cell, value)
            return self.baseline.profile.residual(cell, value)
        return self.profile.adjust(cell, value)

    def finding(self) -> Finding:
        """Return the current finding."""
        return self.monitor.finding()

    def _count_unreported(self, reading: Reading) -> None:
        at = reading.at
        if self.unreported.n <= 0:
            self.unreported_since, self.unreported_start, self.unreported_end = reading.received, at, at
        self.unreported.replace(reading.former, reading.value)
        if at < self.unreported_start:
            self.unreported_start = at
        elif at > self.unreported_end:
            self.unreported_end = at

    def mark_reported(self) -> None:
        """Mark all values as reported."""
        self.unreported = Sums()

    def dump(self) -> str:
        """Return the state as JSON; floats are restored exactly."""
        unreported = [*self.unreported.dump(), self.unreported_since, self.unreported_start, self.unreported_end]
        parts = [self.profile.dump(), self.time_index.dump(), self.window.dump(), self.worst.kept]
        baseline = self.baseline.dump() if self.baseline else None
        rest = [self.segmented, self.last, self.regressed, self.after, self.cleared]
        evidence = [self.started, self.sums.dump(), self.samples, self.monitor.dump(), baseline]
        state = [FORMAT, *evidence, parts, rest, unreported]
        return to_json(state).decode()

    @classmethod
    def load(cls, key: StreamKey, watching: WatchRules, state: list[Any]) -> "Stream":
        """Return the stream that `dump` wrote."""
        _, started, sums, samples, monitor, baseline, (profile, time_index, window, worst), rest, unreported = state
        segmented = rest[0]
        known = Monitor.load(monitor, _settings(watching, segmented))
        if (known.kind == "rare") != (watching.agreed is not None):  # a rule was added or removed
            known = new_monitor(watching, None, segmented)
        stream = cls(key, started, known, samples, segmented, Baseline.load(baseline) if baseline else None)
        stream.profile, stream.time_index, stream.window = (
            SegmentProfile.load(profile),
            TimeIndex.load(time_index),
            RecentValues.load(window),
        )
        stream.sums, stream.unreported = Sums(*sums), Sums(*unreported[:3])
        stream.unreported_since, stream.unreported_start, stream.unreported_end = unreported[3:]
        _, stream.last, stream.regressed, stream.after, stream.cleared = rest
        stream.worst.kept = [(value, at, execution_id) for value, at, execution_id in worst]
        return stream


def new_monitor(watching: WatchRules, baseline: Baseline | None, segmented: bool) -> Monitor:
    """Return a monitor without values."""
    if watching.agreed is not None:
        return Monitor("rare", watching.settings, agreed=watching.agreed)
    reference = baseline.reference if baseline else None
    return Monitor(watching.kind, _settings(watching, segmented), reference=reference)


def _settings(watching: WatchRules, segmented: bool) -> DetectionSettings:
    """Return the settings; values that are adjusted by segment are tested more strictly."""
    return watching.settings.residualised() if segmented else watching.settings


def predecessor(stream: Stream, others: Sequence[Stream]) -> Stream | None:
    """Return the version in use before `stream`: of those with enough values, the one used last.

    A version with a regression is never a baseline.
    """
    candidates = [other for other in others if other is not stream and other.can_be_baseline]
    return max(candidates, key=lambda other: (other.last, other.started), default=None)
