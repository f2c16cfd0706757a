"""Recovery of an open regression, tested over all rows of its dimension."""

import json
from dataclasses import dataclass, field

import numpy as np

from analyzer.domain.model import Reading
from analyzer.domain.regressions.lifecycle import Regression, recover, resolve_recovered
from analyzer.domain.regressions.recovery import SWITCH_AFTER, RareEventRecovery, Recovery
from analyzer.domain.streams.samples import BLOCK as WINDOW_BLOCK
from analyzer.domain.streams.samples import BLOCKS
from ratchet_backtest.columnar.exact_sums import MICROS, to_micros
from ratchet_backtest.columnar.replayed_rows import MetricRows
from ratchet_backtest.columnar.row_groups import Floats, Ints
from ratchet_backtest.columnar.stream_rows import recent_values
from ratchet_backtest.columnar.value_blocks import observe_blocks
from ratchet_backtest.execution_facts import ExecutionFact

_CHUNK = 1 << 14


@dataclass(slots=True)
class RecoveryRows:
    """The test of recovery of a regression; rows before `next` are tested. `compared`: values adjusted by segment."""

    regression: Regression
    rows: MetricRows
    models: list[str | None]
    compared: Floats
    next: int
    _labels: list[str] = field(init=False)
    _codes: Ints = field(init=False)
    _shifts: Floats = field(init=False)
    _window: int = 0

    def __post_init__(self) -> None:
        known: dict[str, int] = {}
        prompt, profile = self.regression.use.prompt, self.regression.baseline.profile
        labels = [
            json.dumps([use.identity if use.prompt == prompt else "none", model])
            for use, model in zip(self.rows.uses, self.models, strict=True)
        ]
        self._codes = np.array([known.setdefault(label, len(known)) for label in labels], dtype=np.int32)
        self._labels = list(known)
        self._shifts = np.array([profile.residual(cell, 0.0) for cell in self.rows.cells])

    def advance(self, stop: int) -> int | None:
        """Test the rows before `stop`; return the one that resolves the regression, if any."""
        while self.next < stop:
            if isinstance(self.regression.recovery, RareEventRecovery):
                found = self._test_one()
            else:
                found = self._test_piece(self.regression.recovery, min(stop, self.next + _CHUNK))
            if found is not None:
                return found
        return None

    def _test_one(self) -> int | None:
        row = self.next
        self.next += 1
        return row if recover(self.regression, self._reading(row), self.rows.cell(row)) else None

    def _reading(self, row: int) -> Reading:
        """Return a row as a reading without the facts that no test of recovery needs."""
        group, at = int(self.rows.groups[row]), self.rows.at(row)
        facts = ExecutionFact("", self.models[group])
        uses, value = (self.rows.uses[group],), float(self.rows.values[row])
        return Reading(self.rows.dimension, self.rows.metric, uses, facts, value, None, at, at)

    def _test_piece(self, recovery: Recovery, stop: int) -> int | None:
        """Test rows of one version and model, up to `stop` at most; return the row that resolves the regression."""
        start = self.next
        stop = self._follow_version(recovery, start, stop)
        groups = self.rows.groups[start:stop]
        compared = self.compared[start:stop] = self.rows.values[start:stop] + self._shifts[groups]
        while self.next < stop:
            refuted = self._observe(recovery, compared[self.next - start :])
            if refuted and self._window_mean() >= recovery.level:
                return self._resolve()
        return None

    def _observe(self, recovery: Recovery, values: Floats) -> bool:
        """Test values up to the first one that refutes the null hypothesis, or the last one of a test."""
        running = recovery.running
        if running is None:
            self.next += 1
            return recovery.observe(float(values[0]))
        test, left = running
        added, refuted = observe_blocks(test, values[:left])
        recovery.n += added
        self.next += added
        return refuted

    def _follow_version(self, recovery: Recovery, start: int, stop: int) -> int:
        """Apply the version and model of the rows; return the row before which another one comes into use."""
        in_use = self.regression.in_use
        codes = self._codes[self.rows.groups[start:stop]]
        known = self._labels.index(in_use.label) if in_use.label is not None else -1
        if (codes == known).all():
            in_use.lead = min(in_use.lead + len(codes), SWITCH_AFTER)
            return stop
        lead = in_use.lead
        for index, code in enumerate(codes.tolist()):
            if code == known:
                lead = min(lead + 1, SWITCH_AFTER)
                continue
            lead -= 1
            if lead >= 0:
                continue
            if index:
                in_use.lead = 0
                return start + index
            in_use.label, known, lead = self._labels[code], code, 0
            self._window = start
            recovery.restart()
        in_use.lead = lead
        return stop

    def _window_mean(self) -> float:
        values = self.compared[self._window_start() : self.next]
        return int(to_micros(values).sum()) / (len(values) * MICROS)

    def _window_start(self) -> int:
        """Return the first row of the window after the last tested row."""
        latest = (self.next - self._window - 1) // WINDOW_BLOCK
        return self._window + max(0, latest - BLOCKS + 1) * WINDOW_BLOCK

    def _resolve(self) -> int:
        row = self.next - 1
        self.regression.window = recent_values(self.rows, self.compared, np.arange(self._window_start(), self.next))
        resolve_recovered(self.regression, self._reading(row))
        return row
