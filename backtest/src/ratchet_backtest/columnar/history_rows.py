"""The history of a dimension, computed from its rows only when a regression opens."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from analyzer.domain.attribution.term_sketch import TermSketch
from analyzer.domain.dimension_history import DimensionHistory
from analyzer.domain.streams.samples import ThinnedSample
from ratchet_backtest.columnar.exact_sums import MICROS, exact_sums, to_micros
from ratchet_backtest.columnar.replayed_rows import MetricRows
from ratchet_backtest.columnar.sampled_numbers import ThinnedNumbers
from ratchet_backtest.columnar.timeline_rows import TimelineRows

_CHUNK = 1 << 15
Bools = np.ndarray[Any, np.dtype[np.bool_]]


@dataclass(slots=True)
class HistoryRows:
    """Rows of a dimension as its history sees them: whether a value is `good`, or `below` the mean so far.

    Call `until` with rising rows.
    """

    rows: MetricRows
    timeline: TimelineRows
    numbers: ThinnedNumbers
    good: Bools = field(init=False)
    below: Bools = field(init=False)
    _terms: TermSketch = field(default_factory=TermSketch)
    _term_rows: int = 0

    def __post_init__(self) -> None:
        n, total = len(self.rows), 0
        self.good, self.below = np.empty(n, dtype=np.bool_), np.empty(n, dtype=np.bool_)
        best = np.inf if self.rows.metric.kind == "real" else 1.0
        for start in range(0, n, _CHUNK):
            values = self.rows.values[start : start + _CHUNK]
            totals = total + np.cumsum(to_micros(values))
            means = totals / (np.arange(start + 1, start + len(values) + 1) * MICROS)
            self.good[start : start + _CHUNK] = (values > means) | (values >= best)
            self.below[start : start + _CHUNK] = values < means
            total = int(totals[-1])

    def until(self, stop: int) -> DimensionHistory:
        """Return the history of the rows before `stop`."""
        good = np.flatnonzero(self.good[:stop])
        kept = [(number, int(good[number - 1])) for number in self.numbers.kept(len(good))]
        sample = [(number, self.rows.at(row), self.rows.execution_id(row)) for number, row in kept]
        return DimensionHistory(
            self.rows.dimension,
            self.timeline.until(stop),
            self._advance_terms(stop),
            exact_sums(self.rows.values[:stop]),
            ThinnedSample(len(good), sample),
        )

    def _advance_terms(self, stop: int) -> TermSketch:
        """Add the inputs of the rows before `stop` one by one: which words are counted depends on their order."""
        if self.rows.order.dataset.texts is not None:
            for row in range(self._term_rows, stop):
                fact = self.rows.fact(row)
                if fact.input:
                    below = bool(self.below[row])
                    self._terms.add(fact.input, below, self.rows.at(row), fact.execution_id, fact.user)
        self._term_rows = max(self._term_rows, stop)
        return self._terms
