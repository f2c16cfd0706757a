"""History of one dimension: values by cell, and words of inputs, to explain a regression."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any

from pydantic_core import to_json

from analyzer.domain.attribution.input_words import Words, words_in
from analyzer.domain.attribution.term_sketch import TermInput, TermSketch
from analyzer.domain.attribution.timeline import BLOCK, FINE_BLOCK, Timeline
from analyzer.domain.metrics.extraction import ERROR_RATE
from analyzer.domain.model import Dimension, Reading, Use
from analyzer.domain.segments.dimensions import JUDGE_ATTRIBUTE, NOT_GIVEN, Cell
from analyzer.domain.streams.samples import ThinnedSample
from analyzer.domain.streams.sums import Sums
from analyzer.domain.value_columns import ValueColumns, ValueGroup
from shared.metric_catalog import JUDGE, JUDGE_ANCHORS

_VERSION = "prompt_version:"


@dataclass(slots=True)
class DimensionHistory:
    """Timeline of a dimension, sketch of its input terms, and a sample of good executions.

    A value is good above the mean so far, or at the best end of its scale; it is bad below the mean.
    """

    dimension: Dimension
    timeline: Timeline
    terms: TermSketch
    sums: Sums
    good: ThinnedSample

    @classmethod
    def empty(cls, dimension: Dimension, declared_dimensions: tuple[str, ...]) -> "DimensionHistory":
        """Return a history without values; `declared_dimensions` names the dimensions that values are split by."""
        # The outcome may explain every metric but the error rate.
        outcome = () if dimension.metric == ERROR_RATE.name else ("outcome",)
        judge = ("judge",) if dimension.metric.startswith(JUDGE) else ()
        block = FINE_BLOCK if dimension.metric.startswith(JUDGE_ANCHORS) else BLOCK
        timeline = Timeline((*declared_dimensions, *outcome, *judge), block=block)
        return cls(dimension, timeline, TermSketch(), Sums(), ThinnedSample())

    def add(self, reading: Reading, declared_cell: Cell) -> None:
        """Add a new value; `declared_cell` has its level of each declared dimension."""
        assert reading.value is not None
        self.timeline.add(self._cell_of_reading(reading, declared_cell), reading.value, reading.at)
        self.sums.add(reading.value)
        facts, mean = reading.facts, self.sums.mean
        if self._good(reading, reading.value):
            self.good.add(reading.at, facts.execution_id)
        if facts.input:
            self.terms.add(facts.input, reading.value < mean, reading.at, facts.execution_id, facts.user)

    def add_many(
        self,
        columns: ValueColumns,
        micros: Sequence[int],
        start: int,
        words_of: Callable[[str], Words] = words_in,
    ) -> list[float]:
        """Add new values as `add` does one by one, as many as there are `micros`; return the mean after each."""
        stop = start + len(micros)
        groups, values, at = columns.groups, columns.values[start:stop], columns.at[start:stop]
        self.timeline.add_many(columns.group[start:stop], lambda number: self._cell_of(groups[number]), values, at)
        means = [*self.sums.means_before(micros)[1:]]
        self.sums.add_micros(micros)
        best = inf if columns.metric.kind == "real" else 1.0
        good = [
            index
            for index, (value, mean) in enumerate(zip(values, means, strict=True))
            if value > mean or value >= best
        ]
        facts = columns.facts
        self.good.add_many([at[index] for index in good], lambda index: facts[start + good[index]].execution_id)
        if columns.texts:
            self.terms.add_many(_term_inputs(columns, means, start), words_of)
        return means

    def _cell_of(self, group: ValueGroup) -> Cell:
        return self._cell(group.uses, group.outcome, group.judge, group.cell)

    def _cell_of_reading(self, reading: Reading, declared_cell: Cell) -> Cell:
        facts = reading.facts
        return self._cell(reading.uses, facts.outcome, facts.attributes.get(JUDGE_ATTRIBUTE), declared_cell)

    def correct(self, reading: Reading, declared_cell: Cell) -> None:
        """Replace a former value."""
        if reading.value is None or not self._good(reading, reading.value):
            self.good.drop(reading.facts.execution_id)
        cell = self._cell_of_reading(reading, declared_cell)
        self.timeline.correct(cell, reading.former, reading.value, reading.at)

    def _good(self, reading: Reading, value: float) -> bool:
        return value > self.sums.mean or (value >= 1.0 and reading.metric.kind != "real")

    def _cell(self, uses: Sequence[Use], outcome: str | None, judge: str | None, declared_cell: Cell) -> Cell:
        """Return the level of each dimension of the timeline; a new prompt adds a dimension."""
        versions = {_VERSION + use.prompt: use.identity for use in uses}
        for name in versions:
            if name not in self.timeline.names:
                self.timeline.widen(name)
        rest = self.timeline.names[len(declared_cell) :]
        levels = versions | {"outcome": outcome or NOT_GIVEN, "judge": judge or NOT_GIVEN}
        return (*declared_cell, *(levels.get(name, NOT_GIVEN) for name in rest))

    def dump(self) -> str:
        """Return the state as JSON."""
        state = [self.timeline.dump(), self.terms.dump(), self.sums.dump(), self.good.dump()]
        return to_json(state).decode()

    @classmethod
    def load(cls, dimension: Dimension, state: list[Any]) -> "DimensionHistory":
        """Return the history that `dump` wrote."""
        timeline, terms, sums, good = state
        return cls(dimension, Timeline.load(timeline), TermSketch.load(terms), Sums(*sums), ThinnedSample.load(good))


def _term_inputs(columns: ValueColumns, means: Sequence[float], start: int) -> list[TermInput]:
    """Return the inputs of values that have one; `means` are those of the dimension after each value."""
    facts, values, at = columns.facts, columns.values, columns.at
    found = ((facts[index], values[index] < mean, at[index]) for index, mean in enumerate(means, start))
    return [TermInput(each.input, bad, when, each.execution_id, each.user) for each, bad, when in found if each.input]
