"""The course of one dimension: who its values came from, and what was asked, so that a fall can be explained."""

import json
from dataclasses import dataclass
from typing import Any

from analyzer.domain.attribution.losing_terms import Terms
from analyzer.domain.attribution.timeline import Timeline
from analyzer.domain.metrics.extraction import ERROR_RATE
from analyzer.domain.model import Dimension, Reading
from analyzer.domain.segments.dimensions import NOT_TOLD, Cell
from analyzer.domain.streams.samples import Thinned
from analyzer.domain.streams.sums import Sums

_VERSION = "prompt_version:"


@dataclass(slots=True)
class DimensionHistory:
    """A dimension's timeline, the sketch of its inputs, and some executions that went well.

    A value counts as bad if it lies below their mean so far, and as good above it; the best there is always does.
    """

    dimension: Dimension
    timeline: Timeline
    terms: Terms
    sums: Sums
    good: Thinned

    @classmethod
    def begin(cls, dimension: Dimension, declared: tuple[str, ...]) -> "DimensionHistory":
        """A course without values; `declared` names what values are split by."""
        # How an execution ended explains everything but itself.
        outcome = () if dimension.metric == ERROR_RATE.name else ("outcome",)
        return cls(dimension, Timeline((*declared, *outcome)), Terms(), Sums(), Thinned())

    def take(self, reading: Reading, declared: Cell) -> None:
        """Takes a value that is measured for the first time; `declared` is its level of each declared dimension."""
        assert reading.value is not None
        self.timeline.add(self._cell(reading, declared), reading.value, reading.at)
        self.sums.add(reading.value)
        facts, mean = reading.facts, self.sums.mean
        if self._good(reading, reading.value):
            self.good.add(reading.at, facts.execution_id)
        if facts.input:
            self.terms.add(facts.input, reading.value < mean, reading.at, facts.execution_id, facts.user)

    def correct(self, reading: Reading, declared: Cell) -> None:
        """Puts a value in the place of a former one."""
        if reading.value is None or not self._good(reading, reading.value):
            self.good.drop(reading.facts.execution_id)
        self.timeline.correct(self._cell(reading, declared), reading.former, reading.value, reading.at)

    def _good(self, reading: Reading, value: float) -> bool:
        return value > self.sums.mean or (value >= 1.0 and reading.metric.kind != "real")

    def _cell(self, reading: Reading, declared: Cell) -> Cell:
        """The value's level of each of the timeline's dimensions; prompts that are new to it become one."""
        versions = {_VERSION + use.prompt: use.identity for use in reading.uses}
        for name in versions:
            if name not in self.timeline.names:
                self.timeline.widen(name)
        rest = self.timeline.names[len(declared) :]
        outcome = reading.facts.outcome or NOT_TOLD
        return (*declared, *(outcome if name == "outcome" else versions.get(name, NOT_TOLD) for name in rest))

    def dump(self) -> str:
        """The state as JSON."""
        state = [self.timeline.dump(), self.terms.dump(), self.sums.dump(), self.good.dump()]
        return json.dumps(state, separators=(",", ":"))

    @classmethod
    def load(cls, dimension: Dimension, state: list[Any]) -> "DimensionHistory":
        """The course that `dump` wrote."""
        timeline, terms, sums, good = state
        return cls(dimension, Timeline.load(timeline), Terms.load(terms), Sums(*sums), Thinned.load(good))
