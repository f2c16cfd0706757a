"""A batch of readings, folded into streams and regressions in memory: no I/O, no clock."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from analyzer.domain.detection import Finding
from analyzer.domain.dimension_history import DimensionHistory
from analyzer.domain.metrics.definitions import Definitions
from analyzer.domain.metrics.extraction import ERROR_RATE
from analyzer.domain.model import Dimension, Metric, PromptMetric, Reading, StreamKey
from analyzer.domain.regressions.evidence import open_regression, safety_finding
from analyzer.domain.regressions.lifecycle import Regression, recover, redefined, reopened, returns
from analyzer.domain.rules import Rules, WatchRules
from analyzer.domain.segments.dimensions import Cell
from analyzer.domain.streams.baseline import predecessor
from analyzer.domain.streams.stream import Baseline, Stream, monitor_of
from analyzer.domain.streams.sums import measurement
from shared.events.quality import QualityMeasured, RegressionDetected, RegressionResolved
from shared.events.quality import Window as Span

Turn = RegressionDetected | RegressionResolved


@dataclass(slots=True)
class QualityEngine:
    """What a batch touches: streams, possible baselines of their lines, each dimension's course and latest regression.

    Reading after reading is folded in; what changed is in `changed`, `changed_courses` and `changed_regressions` then.
    """

    rules: Rules = field(default_factory=Rules)
    definitions: Definitions = field(default_factory=Definitions)
    streams: dict[StreamKey, Stream] = field(default_factory=dict)
    courses: dict[Dimension, DimensionHistory] = field(default_factory=dict)
    regressions: dict[Dimension, Regression] = field(default_factory=dict)
    changed: dict[StreamKey, Stream] = field(default_factory=dict)
    changed_courses: dict[Dimension, DimensionHistory] = field(default_factory=dict)
    changed_regressions: dict[Dimension, Regression] = field(default_factory=dict)
    _lines: dict[PromptMetric, list[Stream]] = field(default_factory=lambda: defaultdict(list))
    _metrics: dict[Dimension, Metric] = field(default_factory=dict)

    def know(
        self,
        streams: Iterable[Stream],
        regressions: Iterable[Regression] = (),
        courses: Iterable[DimensionHistory] = (),
    ) -> None:
        """Adds what was loaded: each stream once."""
        for stream in streams:
            if stream.key not in self.streams:
                self.streams[stream.key] = stream
                self._lines[stream.key.line].append(stream)
        self.regressions.update((regression.dimension, regression) for regression in regressions)
        self.courses.update((course.dimension, course) for course in courses)

    def take(self, reading: Reading) -> list[Turn]:
        """Folds one reading in; the events that it led to (raised, resolved).

        While a metric's direction is undeclared, evidence is gathered both ways, and nothing is raised.
        """
        dimension = reading.dimension
        self._metrics[dimension] = reading.metric
        watching = self.rules.watching(dimension, reading.metric)
        declared = self.rules.dimensions(dimension.target)
        cell = declared.cell(reading.facts)
        segmented = declared.segmented(cell)
        course = self._course(dimension, declared.names)
        first = reading.value is not None and reading.former is None
        course.take(reading, cell) if first else course.correct(reading, cell)
        found = self._redefine(reading)
        for use in reading.uses:
            stream = self._stream(
                StreamKey(PromptMetric(dimension, use.prompt), use.identity), reading, watching, segmented
            )
            if first:
                found += self._test(stream, reading, cell, watching, course.sums.mean)
            else:
                stream.correct(reading, cell, course.sums.mean)
            stream.count(reading)
        return found or self._recover(reading, cell)

    def due(self) -> list[QualityMeasured]:
        """What the touched streams have to tell: 25 values, or what a minute brought; then it is told."""
        policy, told = self.rules.policy, []
        for stream in self.changed.values():
            metric = self._metrics[stream.key.line.dimension]
            old = stream.last - stream.fresh_since >= policy.measured_seconds
            if stream.fresh.n >= policy.measured_values or (stream.fresh.n > 0 and old):
                if metric.direction != "undeclared" or not metric.mirrored:
                    told.append(_measured(stream, metric))
                stream.told()
        return told

    def _course(self, dimension: Dimension, declared: tuple[str, ...]) -> DimensionHistory:
        course = self.courses.get(dimension)
        if course is None or course.timeline.names[: len(declared)] != declared:
            course = self.courses[dimension] = DimensionHistory.begin(dimension, declared)
        self.changed_courses[dimension] = course
        return course

    def _stream(self, key: StreamKey, reading: Reading, watching: WatchRules, segmented: bool) -> Stream:
        stream = self.streams.get(key)
        if stream is None:
            monitor = monitor_of(watching, None, segmented)
            stream = Stream(key, reading.received, monitor, self.rules.policy.samples, segmented)
            self.know([stream])
        self.changed[key] = stream
        return stream

    def _test(self, stream: Stream, reading: Reading, cell: Cell, watching: WatchRules, usual: float) -> list[Turn]:
        """The sequential part: evidence is won from a value when it first comes, and stays as it was won."""
        assert reading.value is not None
        last = self._last(reading)
        self._begin(stream, last, watching)
        looked = stream.observe(reading, cell, reading.value, usual)
        unsafe = watching.safety and reading.value < 0.5 and reading.at >= stream.after
        if (last and last.open) or not (looked or unsafe) or reading.metric.direction == "undeclared":
            return []
        finding = _worst(stream, unsafe, watching)
        return [self._raise(stream, finding, reading, watching)] if finding else []

    def _begin(self, stream: Stream, last: Regression | None, watching: WatchRules) -> None:
        """Gives a young stream its standard, and begins its evidence anew after a regression's end."""
        if stream.young and (standard := self._standard(stream, last)) is not None:
            stream.watch(watching, standard, stream.after, stream.cleared)
        if last and not last.open and stream.cleared != last.name:
            known = stream.standard or (last.standard if last.standard.reference else None)
            stream.watch(watching, known, last.after, last.name)

    def _standard(self, stream: Stream, last: Regression | None) -> Baseline | None:
        """What a new version is compared with: the one before it, or what an open regression lost."""
        former = predecessor(stream, self._lines[stream.key.line])
        if former is not None:
            return former.sets()
        lost = last is not None and last.open and last.use.prompt == stream.key.line.prompt
        return last.standard if last and lost and last.standard.reference else None

    def _raise(self, stream: Stream, finding: Finding, reading: Reading, watching: WatchRules) -> Turn:
        dimension, subject = reading.dimension, reading.dimension.subject
        course, errors = self.courses[dimension], self.courses.get(subject._replace(metric=ERROR_RATE.name))
        regression, last = open_regression(stream, finding, reading, watching, course, errors), self._last(reading)
        if last and returns(last, regression.use, reading.received, self.rules.policy.reopen_seconds):
            regression = reopened(regression, last)
        stream.regressed = True
        self.regressions[subject] = self.changed_regressions[subject] = regression
        return regression.detected

    def _last(self, reading: Reading) -> Regression | None:
        """The dimension's latest regression, if it was measured as this reading is."""
        last = self.regressions.get(reading.dimension.subject)
        return last if last and last.comparable(reading) else None

    def _redefine(self, reading: Reading) -> list[Turn]:
        """Ends an open regression of values that were measured by another definition: nothing can prove it any more."""
        subject = reading.dimension.subject
        last = self.regressions.get(subject)
        if last is None or not last.open or last.comparable(reading):
            return []
        self.changed_regressions[subject] = last
        return [redefined(last, reading)]

    def _recover(self, reading: Reading, cell: Cell) -> list[Turn]:
        regression = self._last(reading)
        if regression is None or not regression.open:
            return []
        self.changed_regressions[reading.dimension.subject] = regression
        if not recover(regression, reading, cell) or regression.resolved is None:
            return []
        for use in reading.uses:
            stream = self.streams[StreamKey(PromptMetric(reading.dimension, use.prompt), use.identity)]
            stream.regressed = stream.regressed and use != regression.use
        return [regression.resolved]


def _worst(stream: Stream, unsafe: bool, watching: WatchRules) -> Finding | None:
    """The finding that is to be raised, if there is one."""
    if unsafe:
        return safety_finding(stream.sums, 1)
    finding = stream.finding()
    if finding.answer != "regressed" or finding.before is None:
        return None
    if finding.since is None:
        return finding
    # What was taken back since may keep an alarm from being raised, though the evidence was won.
    return finding if finding.before.mean - stream.window.sums.mean >= watching.settings.floor else None


def _measured(stream: Stream, metric: Metric) -> QualityMeasured:
    dimension, prompt = stream.key.line
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
