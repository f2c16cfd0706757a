"""Adapter to the analyzer's engine: rows in as readings, regressions out."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from analyzer.domain.attribution.losing_terms import LosingTerm
from analyzer.domain.column_fold import fold_columns
from analyzer.domain.detection.types import StreamVerdict
from analyzer.domain.engine import QualityEngine, RegressionEvent
from analyzer.domain.model import Dimension, Metric, Reading, Use
from analyzer.domain.regressions.lifecycle import Regression
from analyzer.domain.streams.stream import Stream
from analyzer.domain.units import to_percentage_points
from analyzer.domain.value_columns import ValueColumns, ValueGroup
from analyzer.domain.watch_rules import Rule, Rules
from ratchet_backtest.execution_facts import ExecutionFact

__all__ = ["ExecutionFact", "LosingTerm", "ReplayEngine", "StreamVerdict", "WatchedMetric", "to_percentage_points"]

PROMPT = "prompt"
"""The name of the prompt whose versions a file has."""
_NO_VERSION: tuple[Use, ...] = (Use("", "none"),)
NO_USES: Mapping[str, tuple[Use, ...]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class WatchedMetric:
    """One metric of one target, and its key in the engine."""

    dimension: Dimension
    metric: Metric


class ReplayEngine:
    """The service's engine for historical rows, with the service's rules.

    `segments` are the columns that values are split by, in addition to the model. `uses` maps a version cell to
    prompts; any other cell is the version of a single prompt.
    """

    def __init__(
        self, rules: Sequence[Rule] = (), segments: Sequence[str] = (), uses: Mapping[str, tuple[Use, ...]] = NO_USES
    ) -> None:
        split = [Rule(dimensions=(*segments, "model"))] if segments else []
        self.rules = Rules(rules=(*split, *rules))
        self._engine = QualityEngine(self.rules)
        self._uses: dict[str | None, tuple[Use, ...]] = {None: _NO_VERSION}
        self._uses |= {version: known for version, known in uses.items()}  # noqa: C416  # widens the keys' type

    def watch(self, target: str | None, metric: Metric) -> WatchedMetric:
        """Return the key of a metric of a target."""
        return WatchedMetric(Dimension("backtest", "past", target or "all", metric.name), metric)

    def floor(self, watched: WatchedMetric) -> float:
        """Return the smallest reported drop on the metric's scale."""
        return self.rules.watching(watched.dimension, watched.metric).settings.floor

    def apply(
        self, watched: WatchedMetric, version: str | None, fact: ExecutionFact, at: float, value: float
    ) -> list[RegressionEvent]:
        """Apply one value on the metric's scale, of an execution at the Unix time `at`; return the events."""
        uses = self.uses(version)
        return self._engine.apply(Reading(watched.dimension, watched.metric, uses, fact, value, None, at, at))

    def apply_all(self, watched: WatchedMetric, first: int, values: Sequence[float]) -> list[RegressionEvent]:
        """Apply values of executions without facts, one a second from the Unix time `first` on; return the events."""
        at = [float(first + index) for index in range(len(values))]
        fact = ExecutionFact("")
        cell = self.rules.dimensions(watched.dimension.target).cell(fact)
        groups = [ValueGroup(self.uses(None), cell, None, None)]
        columns = ValueColumns(
            watched.dimension,
            watched.metric,
            groups,
            range(len(values)),
            [0] * len(values),
            values,
            at,
            at,
            [fact] * len(values),
            texts=False,
        )
        return [event for _, event in fold_columns(self._engine, [columns])]

    def uses(self, version: str | None) -> tuple[Use, ...]:
        """Return the prompts that a version cell stands for."""
        uses = self._uses.get(version)
        if uses is None:
            uses = self._uses[version] = (Use(PROMPT, version or ""),)
        return uses

    def verdict(self, watched: WatchedMetric) -> StreamVerdict:
        """Return the verdict of a metric without a regression, over all its versions."""
        streams = self._engine.streams.items()
        return overall_verdict(stream for key, stream in streams if key.prompt_metric.dimension == watched.dimension)

    def terms(self, watched: WatchedMetric) -> tuple[LosingTerm, ...]:
        """Return the input terms of the latest regression."""
        return losing_terms(self._engine.regressions[watched.dimension])


def overall_verdict(streams: Iterable[Stream]) -> StreamVerdict:
    """Return the verdict of a metric without a regression, by those of its streams."""
    answers = {stream.finding().answer for stream in streams}
    if answers <= {"no baseline yet", "no data"}:
        return "no baseline yet" if "no baseline yet" in answers else "no data"
    return "holds" if answers == {"holds"} else "inconclusive"


def losing_terms(regression: Regression) -> tuple[LosingTerm, ...]:
    """Return the input terms of a regression."""
    return tuple(LosingTerm(**term) for term in regression.terms)
