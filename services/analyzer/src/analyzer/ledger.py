"""A batch of readings, folded into streams and regressions in memory: no I/O, no clock."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from analyzer.metrics import metric_named
from analyzer.model import Detector, Dimension, Line, Policy, Reading, StreamKey
from analyzer.reference import against, own_stage_due, predecessor, standard
from analyzer.regressions import Regression, alarms, raised, recover
from analyzer.state import Stream
from analyzer.sums import measurement
from shared.events.quality import QualityMeasured, RegressionDetected, RegressionResolved
from shared.events.quality import Window as Span

Turn = RegressionDetected | RegressionResolved


@dataclass(slots=True)
class Ledger:
    """What a batch touches: streams, possible baselines of their lines, each dimension's latest regression.

    Reading after reading is folded in; what changed is in `changed` and `changed_regressions` then.
    """

    detector: Detector
    policy: Policy
    streams: dict[StreamKey, Stream] = field(default_factory=dict)
    regressions: dict[Dimension, Regression] = field(default_factory=dict)
    changed: dict[StreamKey, Stream] = field(default_factory=dict)
    changed_regressions: dict[UUID, Regression] = field(default_factory=dict)
    _lines: dict[Line, list[Stream]] = field(default_factory=lambda: defaultdict(list))

    def know(self, streams: Iterable[Stream], regressions: Iterable[Regression] = ()) -> None:
        """Adds what was loaded: each stream once."""
        for stream in streams:
            if stream.key not in self.streams:
                self.streams[stream.key] = stream
                self._lines[stream.key.line].append(stream)
        self.regressions.update((regression.dimension, regression) for regression in regressions)

    def take(self, reading: Reading) -> list[Turn]:
        """Folds one reading in; the events that it led to (raised, resolved)."""
        found: list[Turn] = []
        for use in reading.uses:
            stream = self._stream(StreamKey(Line(reading.dimension, use.prompt), use.identity), reading)
            stream.count(reading)
            self.changed[stream.key] = stream
            if reading.metric.tested:
                found += self._test(stream, reading)
        if not found:
            found += self._recover(reading)
        return found

    def due(self) -> list[QualityMeasured]:
        """What the touched streams have to tell: 25 values, or what a minute brought; then it is told."""
        told = []
        for stream in self.changed.values():
            old = stream.last - stream.fresh_since >= self.policy.measured_seconds
            if stream.fresh.n >= self.policy.measured_values or (stream.fresh.n > 0 and old):
                told.append(_measured(stream))
                stream.told()
        return told

    def _stream(self, key: StreamKey, reading: Reading) -> Stream:
        stream = self.streams.get(key)
        if stream is None:
            stream = Stream(key, reading.received, self.detector.fresh())
            self.know([stream])
        return stream

    def _test(self, stream: Stream, reading: Reading) -> list[Turn]:
        """The sequential part: bets are made on a value when it first comes, and stay as they were settled."""
        if reading.value is None or reading.former is not None:
            if stream.watch:
                stream.watch.correct(reading)
            return []
        last = self.regressions.get(reading.dimension)
        if stream.watch is None:
            self._begin(stream, last)
        watch = stream.watch
        if watch and last and not last.open and watch.cleared != str(last.id):
            watch.restart(self.detector, last.after, str(last.id))
        self.detector.learn(stream.memory, reading.value)
        if watch is None:
            self._own_baseline(stream, reading)
            return []
        watch.observe(self.detector, reading.value, reading)
        if not (last and last.open) and alarms(watch, reading.metric, self.detector, self.policy):
            return [self._raise(stream, reading)]
        self._own_baseline(stream, reading)
        return []

    def _begin(self, stream: Stream, last: Regression | None) -> None:
        """Takes another version's values as the baseline, if there are enough; an open regression's come first."""
        if last and last.open and last.use.prompt == stream.key.line.prompt:
            stream.watch = against(self.detector, last.baseline, last.reference, self.policy)
            return
        former = predecessor(stream, self._lines[stream.key.line], self.policy)
        if former is not None:
            cleared = str(last.id) if last and not last.open else ""
            stream.watch = against(self.detector, *standard(former), self.policy, cleared=cleared)

    def _own_baseline(self, stream: Stream, reading: Reading) -> None:
        """Takes the stream's own values as the baseline, when they are due to become one."""
        stage = own_stage_due(stream, reading.metric.floor)
        last = self.regressions.get(reading.dimension)
        if stage and not (last and last.open):
            cleared = str(last.id) if last else ""
            stream.watch = against(self.detector, *standard(stream), self.policy, stage=stage, cleared=cleared)

    def _raise(self, stream: Stream, reading: Reading) -> Turn:
        assert stream.watch is not None
        regression = raised(stream, stream.watch, reading, self.detector, self.policy)
        stream.regressed = True
        self.regressions[reading.dimension] = self.changed_regressions[regression.id] = regression
        return regression.detected

    def _recover(self, reading: Reading) -> list[Turn]:
        regression = self.regressions.get(reading.dimension)
        if regression is None or not regression.open:
            return []
        self.changed_regressions[regression.id] = regression
        if not recover(regression, reading, self.detector, self.policy) or regression.resolved is None:
            return []
        return [regression.resolved]


def _measured(stream: Stream) -> QualityMeasured:
    dimension, prompt = stream.key.line
    metric = metric_named(dimension.metric)
    return QualityMeasured(
        project=dimension.project,
        environment=dimension.environment,
        target=dimension.target,
        prompt=prompt,
        identity=stream.key.identity,
        metric=metric.name,
        direction=metric.direction,
        window=Span(
            start=datetime.fromtimestamp(stream.fresh_start, UTC), end=datetime.fromtimestamp(stream.fresh_end, UTC)
        ),
        measurement=measurement(stream.fresh, metric),
    )
