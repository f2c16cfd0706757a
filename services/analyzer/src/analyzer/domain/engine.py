"""Apply a batch of readings to streams and regressions in memory, without I/O or clock."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from analyzer.domain.attribution.hypotheses import Beside
from analyzer.domain.attribution.timeline import Timeline
from analyzer.domain.detection import Finding
from analyzer.domain.dimension_history import DimensionHistory
from analyzer.domain.metrics.definitions import Definitions
from analyzer.domain.metrics.extraction import ERROR_RATE
from analyzer.domain.model import Dimension, Metric, PromptMetric, Reading, StreamKey, Use
from analyzer.domain.regressions.evidence import open_regression, safety_finding
from analyzer.domain.regressions.lifecycle import Regression, recover, reopen_regression, resolve_redefined, returns
from analyzer.domain.segments.dimensions import Cell
from analyzer.domain.streams.stream import Baseline, Stream, new_monitor, predecessor
from analyzer.domain.streams.sums import measurement
from analyzer.domain.watch_rules import Rules, WatchRules
from shared.events.quality import QualityMeasured, RegressionDetected, RegressionResolved, Window
from shared.metric_catalog import anchors_of

RegressionEvent = RegressionDetected | RegressionResolved


@dataclass(slots=True)
class QualityEngine:
    """The state that a batch touches: streams, possible baselines, histories and latest regressions of dimensions.

    Call `preload` with the saved state, then `apply` for each reading; `changed`, `changed_histories` and
    `changed_regressions` hold what is to be saved.
    """

    rules: Rules = field(default_factory=Rules)
    definitions: Definitions = field(default_factory=Definitions)
    streams: dict[StreamKey, Stream] = field(default_factory=dict)
    histories: dict[Dimension, DimensionHistory] = field(default_factory=dict)
    regressions: dict[Dimension, Regression] = field(default_factory=dict)
    changed: dict[StreamKey, Stream] = field(default_factory=dict)
    changed_histories: dict[Dimension, DimensionHistory] = field(default_factory=dict)
    changed_regressions: dict[Dimension, Regression] = field(default_factory=dict)
    before_reading: Callable[[Dimension], None] = lambda dimension: None
    """Called before the history of another dimension is read, so that a batch can bring it up to date."""
    by_prompt_metric: dict[PromptMetric, list[Stream]] = field(default_factory=lambda: defaultdict(list))
    metrics: dict[Dimension, Metric] = field(default_factory=dict)

    def preload(
        self,
        streams: Iterable[Stream],
        regressions: Iterable[Regression] = (),
        histories: Iterable[DimensionHistory] = (),
    ) -> None:
        """Add saved state; streams that are known already are ignored."""
        for stream in streams:
            if stream.key not in self.streams:
                self.streams[stream.key] = stream
                self.by_prompt_metric[stream.key.prompt_metric].append(stream)
        self.regressions.update((regression.dimension, regression) for regression in regressions)
        self.histories.update((history.dimension, history) for history in histories)

    def apply(self, reading: Reading) -> list[RegressionEvent]:
        """Apply one reading and return the regressions that it opened or resolved.

        While the direction of a metric is undeclared, evidence is collected for both directions and no regression
        opens.
        """
        dimension = reading.dimension
        self.metrics[dimension] = reading.metric
        watching = self.rules.watching(dimension, reading.metric)
        declared = self.rules.dimensions(dimension.target)
        cell = declared.cell(reading.facts)
        segmented = declared.has_traffic_level(cell)
        history = self.touch_history(dimension, declared.names)
        first = reading.value is not None and reading.former is None
        history.add(reading, cell) if first else history.correct(reading, cell)
        found = self._redefine(reading)
        for use in reading.uses:
            stream = self._stream(
                StreamKey(PromptMetric(dimension, use.prompt), use.identity), reading, watching, segmented
            )
            if first:
                found += self._test(stream, reading, cell, watching, history.sums.mean)
            else:
                stream.correct(reading, cell, history.sums.mean)
            stream.count(reading)
        return found or self._recover(reading, cell)

    def pending_measurements(self) -> list[QualityMeasured]:
        """Return the measurements that are due, and mark them as reported.

        A stream is due with 25 new values, or if its oldest new value is 60 s old.
        """
        policy, due = self.rules.policy, []
        for stream in self.changed.values():
            metric = self.metrics[stream.key.prompt_metric.dimension]
            old = stream.last - stream.unreported_since >= policy.measured_seconds
            if stream.unreported.n >= policy.measured_values or (stream.unreported.n > 0 and old):
                if metric.direction != "undeclared" or not metric.mirrored:
                    due.append(_measured(stream, metric))
                stream.mark_reported()
        return due

    def touch_history(self, dimension: Dimension, declared: tuple[str, ...]) -> DimensionHistory:
        """Return the history of a dimension, which is to be saved; `declared` names the dimensions of its cells."""
        history = self.histories.get(dimension)
        if history is None or history.timeline.names[: len(declared)] != declared:
            history = self.histories[dimension] = DimensionHistory.empty(dimension, declared)
        self.changed_histories[dimension] = history
        return history

    def _stream(self, key: StreamKey, reading: Reading, watching: WatchRules, segmented: bool) -> Stream:
        stream = self.streams.get(key)
        if stream is None:
            monitor = new_monitor(watching, None, segmented)
            stream = Stream(key, reading.received, monitor, self.rules.policy.samples, segmented)
            self.preload([stream])
        self.changed[key] = stream
        return stream

    def _test(
        self, stream: Stream, reading: Reading, cell: Cell, watching: WatchRules, mean: float
    ) -> list[RegressionEvent]:
        """Test a new value; `mean` is that of the dimension. Later corrections do not change the evidence."""
        assert reading.value is not None
        last = self.last_regression(reading.dimension, reading.metric)
        self._set_baseline(stream, last, watching)
        significant = stream.observe(reading, cell, reading.value, mean)
        unsafe = watching.safety and reading.value < 0.5 and reading.at >= stream.after
        if (last and last.open) or not (significant or unsafe) or reading.metric.direction == "undeclared":
            return []
        return self.decide(stream, unsafe, reading, watching)

    def decide(self, stream: Stream, unsafe: bool, reading: Reading, watching: WatchRules) -> list[RegressionEvent]:
        """Open a regression of `stream` if its finding demands it; `reading` made a test significant or is `unsafe`."""
        finding = _worst(stream, unsafe, watching)
        return [self._open(stream, finding, reading, watching)] if finding else []

    def _set_baseline(self, stream: Stream, last: Regression | None, watching: WatchRules) -> None:
        """Give a new stream its baseline, and restart the evidence after a regression was resolved."""
        if stream.accepts_baseline and (baseline := self._baseline(stream, last)) is not None:
            stream.restart(watching, baseline, stream.after, stream.cleared)
        if last and not last.open and stream.cleared != last.name:
            known = stream.baseline or (last.baseline if last.baseline.reference else None)
            stream.restart(watching, known, last.after, last.name)

    def _baseline(self, stream: Stream, last: Regression | None) -> Baseline | None:
        """Return the baseline of a new version: its predecessor, or that of an open regression."""
        previous = predecessor(stream, self.by_prompt_metric[stream.key.prompt_metric])
        if previous is not None:
            return previous.to_baseline()
        affected = last is not None and last.open and last.use.prompt == stream.key.prompt_metric.prompt
        return last.baseline if last and affected and last.baseline.reference else None

    def _open(self, stream: Stream, finding: Finding, reading: Reading, watching: WatchRules) -> RegressionEvent:
        dimension, subject = reading.dimension, reading.dimension.subject
        history, beside = self.histories[dimension], self._beside(dimension)
        regression, last = (
            open_regression(stream, finding, reading, watching, history, beside),
            self.last_regression(reading.dimension, reading.metric),
        )
        if last and returns(last, regression.use, reading.received, self.rules.policy.reopen_seconds):
            regression = reopen_regression(regression, last)
        stream.regressed = True
        self.regressions[subject] = self.changed_regressions[subject] = regression
        return regression.detected

    def _beside(self, dimension: Dimension) -> Beside:
        """Return the timelines that may explain the values of a dimension, up to date."""
        found: list[Timeline | None] = []
        for metric in (ERROR_RATE.name, anchors_of(dimension.metric)):
            other = None if metric in (None, dimension.metric) else dimension.subject._replace(metric=metric)
            if other is not None:
                self.before_reading(other)
            history = None if other is None else self.histories.get(other)
            found.append(history.timeline if history else None)
        return Beside(*found)

    def last_regression(self, dimension: Dimension, metric: Metric) -> Regression | None:
        """Return the latest regression of a dimension, if values of `metric` are comparable with it."""
        last = self.regressions.get(dimension.subject)
        return last if last and last.comparable(metric) else None

    def _redefine(self, reading: Reading) -> list[RegressionEvent]:
        """Resolve an open regression whose metric has been redefined, since no new value is comparable."""
        subject = reading.dimension.subject
        last = self.regressions.get(subject)
        if last is None or not last.open or last.comparable(reading.metric):
            return []
        self.changed_regressions[subject] = last
        return [resolve_redefined(last, reading)]

    def _recover(self, reading: Reading, cell: Cell) -> list[RegressionEvent]:
        regression = self.last_regression(reading.dimension, reading.metric)
        if regression is None or not regression.open:
            return []
        self.changed_regressions[reading.dimension.subject] = regression
        if not recover(regression, reading, cell) or regression.resolved is None:
            return []
        self.clear_regressed(reading.dimension, reading.uses, regression)
        return [regression.resolved]

    def clear_regressed(self, dimension: Dimension, uses: Sequence[Use], regression: Regression) -> None:
        """Let the versions that recovered be baselines again, except the one that `regression` is of."""
        for use in uses:
            stream = self.streams[StreamKey(PromptMetric(dimension, use.prompt), use.identity)]
            stream.regressed = stream.regressed and use != regression.use


def _worst(stream: Stream, unsafe: bool, watching: WatchRules) -> Finding | None:
    """Return the finding that opens a regression, if any."""
    if unsafe:
        return safety_finding(stream.sums, 1)
    finding = stream.finding()
    if finding.answer != "regressed" or finding.before is None:
        return None
    if finding.since is None:
        return finding
    # Corrections may prevent a regression although the evidence was significant.
    return finding if finding.before.mean - stream.window.sums.mean >= watching.settings.floor else None


def _measured(stream: Stream, metric: Metric) -> QualityMeasured:
    dimension, prompt = stream.key.prompt_metric
    return QualityMeasured(
        project=dimension.project,
        environment=dimension.environment,
        target=dimension.target,
        prompt=prompt,
        identity=stream.key.identity,
        metric=metric.name,
        direction=metric.direction,
        window=Window(
            start=datetime.fromtimestamp(stream.unreported_start, UTC),
            end=datetime.fromtimestamp(stream.unreported_end, UTC),
        ),
        measurement=measurement(stream.unreported, metric),
    )
