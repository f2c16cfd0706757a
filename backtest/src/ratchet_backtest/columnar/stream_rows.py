"""Rows of one stream: tests in the engine's order, all else only when a regression opens."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from analyzer.domain.detection import Monitor
from analyzer.domain.detection.running_stats import Block
from analyzer.domain.segments.mix_adjustment import SegmentProfile
from analyzer.domain.streams.samples import BLOCK as WINDOW_BLOCK
from analyzer.domain.streams.samples import BLOCKS, RecentValues, TimeIndex, ValueBlock
from analyzer.domain.streams.stream import Baseline, Stream
from analyzer.domain.watch_rules import WatchRules
from ratchet_backtest.columnar.exact_sums import MICROS, exact_sums, to_micros
from ratchet_backtest.columnar.history_rows import Bools
from ratchet_backtest.columnar.replayed_rows import MetricRows
from ratchet_backtest.columnar.row_groups import Floats, Ints
from ratchet_backtest.columnar.sampled_numbers import IndexedNumbers
from ratchet_backtest.columnar.value_blocks import observe_blocks

_CHUNK = 1 << 14
_FEW = 12
"""Maximum number of values that are applied faster one by one than at once."""
_UNSAFE = 0.5
Confirm = Callable[["StreamRows", int, bool], bool]
"""Called with a row at which a test is significant or (True) the value is unsafe; returns whether to stop there."""


@dataclass(slots=True)
class StreamRows:
    """The rows of `stream`, in order; those before `next` are applied.

    Only the monitor and the profile of the stream are kept up to date; `complete` computes the rest. `compared` is a
    column of the dimension: values adjusted by segment. `begun` is the index in `rows` of the first value of the
    evidence.
    """

    stream: Stream
    metric_rows: MetricRows
    rows: Ints
    compared: Floats
    safety: bool
    next: int = 0
    begun: int = 0
    _worst_next: int = 0
    _shifts: Floats | None = None

    @property
    def next_row(self) -> int:
        """The next row that is not applied; the number of rows if there is none."""
        return int(self.rows[self.next]) if self.next < len(self.rows) else len(self.metric_rows)

    @property
    def count(self) -> int:
        """The number of applied values of the evidence."""
        return self.next - self.begun

    def restart(self, watching: WatchRules, baseline: Baseline | None, after: float, cleared: str) -> None:
        """Restart the evidence with the next row."""
        self.stream.restart(watching, baseline, after, cleared)
        self.begun = self._worst_next = self.next
        self._shifts = None

    def advance(self, stop: int, confirm: Confirm | None) -> bool:
        """Apply the rows before row `stop`; return whether `confirm` stopped after one of them.

        Without `confirm`, a regression is open already.
        """
        end = int(np.searchsorted(self.rows, stop))
        while self.next < end:
            if self._advance_piece(min(end, self.next + _CHUNK), confirm):
                return True
        return False

    def advance_one(self, confirm: Confirm | None) -> bool:
        """Apply the next row; return whether `confirm` stopped after it."""
        row, stream = int(self.rows[self.next]), self.stream
        cell, value = self.metric_rows.cell(row), float(self.metric_rows.values[row])
        if stream.baseline is None:
            compared = stream.profile.adjust(cell, value)
            self._shifts = None
        else:
            stream.profile.learn(cell, value)
            compared = stream.baseline.profile.residual(cell, value)
        self.compared[row] = compared
        significant = stream.monitor.observe(1.0 - value if stream.monitor.kind == "rare" else compared)
        self.next += 1
        stream.last = self.metric_rows.at(row)
        unsafe = self.safety and value < _UNSAFE
        return confirm is not None and (significant or unsafe) and confirm(self, row, unsafe)

    def _advance_piece(self, end: int, confirm: Confirm | None) -> bool:
        """Apply rows up to index `end` at most, and at least one; return whether `confirm` stopped."""
        stream, start = self.stream, self.next
        if stream.baseline is None:
            end = min(end, start + stream.profile.stable_for)
        if stream.monitor.kind == "rare" or end - start <= _FEW:
            return self.advance_one(confirm)
        rows = self.rows[start:end]
        values, groups = self.metric_rows.values[rows], self.metric_rows.groups[rows]
        known = self._known_until(groups)
        if known <= _FEW:
            return self.advance_one(confirm)
        armed = self.safety and confirm is not None
        unsafe = np.flatnonzero(values[:known] < _UNSAFE)[:1].tolist() if armed else []
        rows = rows[: unsafe[0] + 1 if unsafe else known]
        values, groups = values[: len(rows)], groups[: len(rows)]
        assert self._shifts is not None
        compared = values + self._shifts[groups]
        self.compared[rows] = compared
        applied, found = observe_blocks(_MonitorTest(stream.monitor, confirm is not None), compared)
        self._learn(groups[:applied], values[:applied])
        self.next += applied
        last = int(rows[applied - 1])
        stream.last = self.metric_rows.at(last)
        is_unsafe = bool(unsafe) and applied == len(rows)
        return confirm is not None and (found or is_unsafe) and confirm(self, last, is_unsafe)

    def _known_until(self, groups: Ints) -> int:
        """Return the number of values whose shift is known; the next one is of a cell that is new to the profile."""
        profile = self.stream.baseline.profile if self.stream.baseline else self.stream.profile
        if self._shifts is None:
            self._shifts = np.full(len(self.metric_rows.cells), np.nan)
        missing = np.isnan(self._shifts[groups])
        if not missing.any():
            return len(groups)
        for group in np.unique(groups[missing]).tolist():
            cell = self.metric_rows.cells[group]
            if self.stream.baseline is not None or profile.has(cell):
                self._shifts[group] = profile.residual(cell, 0.0)
        missing = np.isnan(self._shifts[groups])
        return int(np.argmax(missing)) if missing.any() else len(groups)

    def _learn(self, groups: Ints, values: Floats) -> None:
        """Add values to the stream's profile."""
        profile, cells, start = self.stream.profile, self.metric_rows.cells, 0
        while start < len(values):
            stop = min(len(values), start + profile.stable_for)
            stop = start + _learn_known(profile, cells, groups[start:stop], values[start:stop])
            if stop < len(values):
                profile.learn(cells[int(groups[stop])], float(values[stop]))
                if self.stream.baseline is None:
                    self._shifts = None
                stop += 1
            start = stop

    def snapshot(self) -> tuple[Monitor, SegmentProfile, int, float]:
        """Return a copy of the state, for `restore`."""
        stream = self.stream
        monitor = Monitor.load(stream.monitor.dump(), stream.monitor.settings)
        return monitor, SegmentProfile.load(stream.profile.dump()), self.next, stream.last

    def restore(self, state: tuple[Monitor, SegmentProfile, int, float]) -> None:
        """Go back to the state of a snapshot, after which the evidence was not restarted."""
        self.stream.monitor, self.stream.profile, self.next, self.stream.last = state
        self._shifts = None

    def complete(self, below: Bools, numbers: IndexedNumbers) -> None:
        """Compute the whole state of the stream at the last applied row. The sums do not contain its value yet."""
        stream, evidence = self.stream, self.rows[self.begun : self.next]
        at = self.metric_rows.at
        stream.time_index = TimeIndex([(number, at(int(evidence[number]))) for number in numbers.kept(self.count)])
        stream.window = self.window()
        self._sample_worst(below)
        stream.sums = exact_sums(self.metric_rows.values[self.rows[: self.next - 1]])

    def window(self) -> RecentValues:
        """Return the latest values."""
        return recent_values(self.metric_rows, self.compared, self.rows[self.begun : self.next])

    def window_mean(self) -> float:
        """Return the mean of the latest values."""
        oldest = max(0, (self.count - 1) // WINDOW_BLOCK - BLOCKS + 1) * WINDOW_BLOCK
        values = self.compared[self.rows[self.begun + oldest : self.next]]
        return int(to_micros(values).sum()) / (len(values) * MICROS)

    def _sample_worst(self, below: Bools) -> None:
        """Add the values since the last call to the worst of the window, in their order."""
        worst, first = self.stream.worst, self._worst_next
        rows = self.rows[first : self.next]
        values = self.metric_rows.values[rows]
        before = int(to_micros(self.metric_rows.values[self.rows[:first]]).sum()) if first else 0
        totals = before + np.cumsum(to_micros(values)) - to_micros(values)
        means = totals / (np.maximum(np.arange(first, self.next), 1) * MICROS)
        at, block = self.metric_rows.at, -1
        for index in np.flatnonzero(below[rows] | (values < means)).tolist():
            number = first + index - self.begun
            if number // WINDOW_BLOCK > block:
                block = number // WINDOW_BLOCK
                self._prune(block)
            value = float(values[index])
            if len(worst.kept) < worst.size or value <= worst.kept[-1][0]:
                row = int(rows[index])
                worst.add(value, at(row), self.metric_rows.execution_id(row))
        self._prune((self.count - 1) // WINDOW_BLOCK)
        self._worst_next = self.next

    def _prune(self, block: int) -> None:
        """Remove executions before the window whose latest block has this number."""
        if block >= BLOCKS:
            oldest = self.begun + (block - BLOCKS + 1) * WINDOW_BLOCK
            self.stream.worst.prune(self.metric_rows.at(int(self.rows[oldest])))


@dataclass(frozen=True, slots=True)
class _MonitorTest:
    """A monitor that stops with a value which shows a regression, if it is `armed`."""

    monitor: Monitor
    armed: bool

    @property
    def waiting(self) -> int:
        return self.monitor.waiting

    def observe(self, value: float) -> bool:
        return self.monitor.observe(value) and self.armed and self.monitor.regressed

    def close(self, block: Block) -> bool:
        return self.monitor.close(block) and self.armed and self.monitor.regressed


def recent_values(metric_rows: MetricRows, compared: Floats, rows: Ints) -> RecentValues:
    """Return the window after these rows; `compared` is a column of the dimension."""
    latest = (len(rows) - 1) // WINDOW_BLOCK
    window = RecentValues()
    for block in range(max(0, latest - BLOCKS + 1), latest + 1):
        part = rows[block * WINDOW_BLOCK : (block + 1) * WINDOW_BLOCK]
        window.blocks.append(ValueBlock(exact_sums(compared[part]), metric_rows.at(int(part[0])), len(part)))
    return window


def _learn_known(profile: SegmentProfile, cells: list[tuple[str | None, ...]], groups: Ints, values: Floats) -> int:
    """Add values until the first one of a cell that the profile does not have; return how many were added."""
    if not len(values):
        return 0
    used = np.unique(groups)
    known = np.zeros(len(cells), dtype=np.bool_)
    known[used] = [profile.has(cells[group]) for group in used.tolist()]
    missing = ~known[groups]
    if missing.any():
        groups = groups[: int(np.argmax(missing))]
        values = values[: len(groups)]
    micros = to_micros(values)
    counts, totals = np.bincount(groups, minlength=1), np.bincount(groups, micros, minlength=1)
    sums = [(cells[group], int(counts[group]), int(totals[group])) for group in used.tolist() if group < len(counts)]
    profile.learn_sums([each for each in sums if each[1]], exact_sums(values).squares)
    return len(values)
