"""Replay of one metric of one target: rows at once where nothing is decided, one by one where something may be.

A row is applied alone if it may change what its stream is compared with: the first values of a version, and the first
one after a regression was resolved. Between such rows streams do not depend on one another, so each is advanced alone,
up to the row that opens or resolves a regression.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush

import numpy as np

from analyzer.domain.attribution.hypotheses import Beside
from analyzer.domain.detection import Finding
from analyzer.domain.dimension_history import DimensionHistory
from analyzer.domain.model import DetectionPolicy, PromptMetric, StreamKey
from analyzer.domain.regressions.evidence import open_regression, safety_finding
from analyzer.domain.regressions.lifecycle import Regression, reopen_regression, returns
from analyzer.domain.segments.dimensions import Dimensions
from analyzer.domain.streams.stream import Baseline, Stream, new_monitor, predecessor
from analyzer.domain.watch_rules import WatchRules
from ratchet_backtest.columnar.exact_sums import exact_sums
from ratchet_backtest.columnar.history_rows import HistoryRows
from ratchet_backtest.columnar.recovery_rows import RecoveryRows
from ratchet_backtest.columnar.replayed_rows import MetricRows
from ratchet_backtest.columnar.sampled_numbers import IndexedNumbers
from ratchet_backtest.columnar.stream_rows import StreamRows
from shared.events.quality import RegressionDetected, RegressionResolved

_WINDOW = 1 << 13
"""Maximum number of rows that are applied at once to streams that are in use side by side."""
ErrorHistory = Callable[[int], DimensionHistory | None]
"""Returns the history of the target's error rate before the row at a position of the replayed order."""


@dataclass(frozen=True, slots=True)
class OpeningRow:
    """A regression that opens with a row of a stream."""

    stream: StreamRows
    row: int
    finding: Finding


@dataclass(slots=True)
class MetricReplay:
    """The replay of the rows of one metric; `models` has the model of each group."""

    rows: MetricRows
    history: HistoryRows
    watching: WatchRules
    policy: DetectionPolicy
    declared: Dimensions
    models: list[str | None]
    errors: ErrorHistory
    numbers: IndexedNumbers
    streams: list[StreamRows] = field(default_factory=list)
    last: Regression | None = None
    _by_row: list[tuple[int, int]] = field(default_factory=list)
    _blocking: list[tuple[int, int]] = field(default_factory=list)
    _recovery: RecoveryRows | None = None
    _opening: OpeningRow | None = None

    def __post_init__(self) -> None:
        compared = np.empty(len(self.rows))
        self.streams = [
            StreamRows(self._new_stream(int(rows[0])), self.rows, rows, compared, self.watching.safety)
            for rows in _rows_by_use(self.rows)
        ]
        self._by_row = [(stream.next_row, number) for number, stream in enumerate(self.streams)]
        self._blocking = list(self._by_row)
        heapify(self._by_row)
        heapify(self._blocking)

    def events(self) -> Iterator[tuple[int, RegressionDetected | RegressionResolved]]:
        """Yield the regressions that open and those that are resolved, each with its row."""
        n = len(self.rows)
        while self._by_row or (self._recovery is not None and self._recovery.next < n):
            limit = self._next_blocking()
            if self._recovery is not None:
                row = self._recovery.advance(limit)
                self._advance(limit if row is None else row + 1)
                if row is not None:
                    yield row, self._resolve(row)
                    continue
            elif self._advance_armed(limit):
                yield from self._open()
                continue
            if limit < n and self._apply_alone(limit):
                yield from self._open()

    def _new_stream(self, row: int) -> Stream:
        group, at = int(self.rows.groups[row]), self.rows.at(row)
        use, segmented = self.rows.uses[group], self.declared.has_traffic_level(self.rows.cells[group])
        key = StreamKey(PromptMetric(self.rows.dimension, use.prompt), use.identity)
        return Stream(key, at, new_monitor(self.watching, None, segmented), self.policy.samples, segmented)

    def _next_blocking(self) -> int:
        """Return the next row that must be applied alone; the number of rows if there is none."""
        while self._blocking:
            row, number = self._blocking[0]
            stream = self.streams[number]
            if stream.next_row == row and self._blocks(stream):
                return row
            heappop(self._blocking)
        return len(self.rows)

    def _blocks(self, stream: StreamRows) -> bool:
        """Return whether the next row of a stream may change what it is compared with."""
        resolved = self.last is not None and not self.last.open and stream.stream.cleared != self.last.name
        return stream.stream.accepts_baseline or not stream.next or resolved

    def _advance(self, stop: int) -> None:
        """Apply the rows before `stop` while a regression is open."""
        for number in self._pop(stop):
            self.streams[number].advance(stop, None)
            self._push(number)

    def _pop(self, stop: int) -> list[int]:
        """Return the streams with a next row before `stop`, in the order of these rows."""
        found = []
        while self._by_row and self._by_row[0][0] < stop:
            found.append(heappop(self._by_row)[1])
        return found

    def _push(self, number: int) -> None:
        row = self.streams[number].next_row
        if row < len(self.rows):
            heappush(self._by_row, (row, number))

    def _advance_armed(self, limit: int) -> bool:
        """Apply the rows before `limit` up to the one that opens a regression; return whether one does."""
        while self._by_row and self._by_row[0][0] < limit:
            self._opening = None
            stop = limit if len(self._by_row) == 1 else min(limit, self._by_row[0][0] + _WINDOW)
            active = self._pop(stop)
            states = {}
            for number in active:
                stream = self.streams[number]
                if len(active) > 1:
                    states[number] = stream.snapshot()
                # The row itself is of another stream, or the one that opens a regression.
                stream.advance(self._opening.row if self._opening else stop, self._confirm)
            if self._opening is not None:
                self._rewind(self._opening.row + 1, states)
            for number in active:
                self._push(number)
            if self._opening is not None:
                return True
        return False

    def _rewind(self, stop: int, states: dict[int, tuple[object, ...]]) -> None:
        """Take back what streams were advanced beyond row `stop`."""
        for number, state in states.items():
            stream = self.streams[number]
            if stream.next and int(stream.rows[stream.next - 1]) >= stop:
                stream.restore(state)  # type: ignore[arg-type]
                stream.advance(stop, None)

    def _confirm(self, stream: StreamRows, row: int, unsafe: bool) -> bool:
        """Decide whether a row opens a regression."""
        finding = self._finding(stream, unsafe)
        if finding is None:
            return False
        self._opening = OpeningRow(stream, row, finding)
        return True

    def _finding(self, stream: StreamRows, unsafe: bool) -> Finding | None:
        if unsafe:
            return safety_finding(exact_sums(self.rows.values[stream.rows[: stream.next - 1]]), 1)
        finding = stream.stream.finding()
        if finding.answer != "regressed" or finding.before is None:
            return None
        if finding.since is None:
            return finding
        return finding if finding.before.mean - stream.window_mean() >= self.watching.settings.floor else None

    def _apply_alone(self, row: int) -> bool:
        """Apply a row that may change what its stream is compared with; return whether it opens a regression."""
        (number,) = self._pop(row + 1)
        stream, last = self.streams[number], self.last
        self._opening = None
        self._set_baseline(stream, last)
        opened = stream.advance_one(None if last and last.open else self._confirm)
        self._push(number)
        if stream.next < len(stream.rows) and self._blocks(stream):
            heappush(self._blocking, (stream.next_row, number))
        return opened

    def _set_baseline(self, stream: StreamRows, last: Regression | None) -> None:
        state = stream.stream
        if state.accepts_baseline and (baseline := self._baseline(stream, last)) is not None:
            stream.restart(self.watching, baseline, state.after, state.cleared)
        if last and not last.open and state.cleared != last.name:
            known = state.baseline or (last.baseline if last.baseline.reference else None)
            stream.restart(self.watching, known, last.after, last.name)

    def _baseline(self, stream: StreamRows, last: Regression | None) -> Baseline | None:
        prompt = stream.stream.key.prompt_metric
        others = [each.stream for each in self.streams if each.next and each.stream.key.prompt_metric == prompt]
        previous = predecessor(stream.stream, others)
        if previous is not None:
            return previous.to_baseline()
        affected = last is not None and last.open and last.use.prompt == prompt.prompt
        return last.baseline if last and affected and last.baseline.reference else None

    def _open(self) -> Iterator[tuple[int, RegressionDetected]]:
        opening = self._opening
        assert opening is not None
        stream, row = opening.stream, opening.row
        stream.complete(self.history.below, self.numbers)
        reading = self.rows.reading(row)
        history = self.history.until(row + 1)
        errors = self.errors(int(self.rows.positions[row]))
        beside = Beside(errors.timeline if errors and errors is not history else None)
        regression = open_regression(stream.stream, opening.finding, reading, self.watching, history, beside)
        if self.last and returns(self.last, regression.use, reading.received, self.policy.reopen_seconds):
            regression = reopen_regression(regression, self.last)
        stream.stream.regressed = True
        self.last = regression
        self._recovery = RecoveryRows(regression, self.rows, self.models, np.empty(len(self.rows)), row + 1)
        yield row, regression.detected

    def _resolve(self, row: int) -> RegressionResolved:
        """Note that a row resolved the regression; the evidence of each stream restarts with its next value."""
        assert self.last is not None
        assert self.last.resolved is not None
        use = self.rows.uses[int(self.rows.groups[row])]
        for each in self.streams:
            if each.stream.key.prompt_metric.prompt == use.prompt and each.stream.key.identity == use.identity:
                each.stream.regressed = each.stream.regressed and use != self.last.use
        self._recovery = None
        self._blocking = [(each.next_row, number) for number, each in enumerate(self.streams)]
        self._blocking = [each for each in self._blocking if each[0] < len(self.rows)]
        heapify(self._blocking)
        return self.last.resolved


def _rows_by_use(rows: MetricRows) -> Iterator[np.ndarray[tuple[int], np.dtype[np.int32]]]:
    """Yield the rows of each prompt version, in the order of the first ones."""
    known: dict[object, int] = {}
    table = np.array([known.setdefault(use, len(known)) for use in rows.uses], dtype=np.uint16)
    codes = table[rows.groups]
    if not len(codes):
        return
    by_code = np.argsort(codes, kind="stable").astype(np.int32)
    starts = np.flatnonzero(np.diff(codes[by_code].astype(np.int32), prepend=-1))
    parts = np.split(by_code, starts[1:])
    yield from sorted(parts, key=lambda part: int(part[0]))
