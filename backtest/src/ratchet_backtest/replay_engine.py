"""The one place that knows the ledger: rows go in as readings, turns come out. There is no second way to a finding."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, NamedTuple

from analyzer.domain.attribution.losing_terms import LosingTerm
from analyzer.domain.engine import QualityEngine, RegressionEvent
from analyzer.domain.model import Dimension, Metric, Reading, Use
from analyzer.domain.rules import Rule, Rules
from analyzer.domain.units import to_percentage_points

__all__ = ["ExecutionFact", "LosingTerm", "ReplayEngine", "Verdict", "WatchedMetric", "to_percentage_points"]

Verdict = Literal["regressed", "holds", "inconclusive", "no baseline yet", "no data"]
PROMPT = "prompt"
"""What the prompt is called whose versions a file names, since it does not name it itself."""
_NO_VERSION: tuple[Use, ...] = (Use("", "none"),)
_NONE: Mapping[str, str] = {}
NO_USES: Mapping[str, tuple[Use, ...]] = MappingProxyType({})


class ExecutionFact(NamedTuple):
    """What is known of the execution behind a value. `attributes` has its level of each segment."""

    execution_id: str
    model: str | None = None
    attributes: Mapping[str, str] = _NONE
    input: str | None = None
    user: str | None = None
    outcome: str | None = None


@dataclass(frozen=True, slots=True)
class WatchedMetric:
    """One metric of one target, and the ledger's key of it."""

    dimension: Dimension
    metric: Metric


class ReplayEngine:
    """Feeds the service's own ledger with rows of the past, under the service's own rules.

    `segments` are the columns that values are split by, besides the model. `uses` has the prompts that a cell of
    versions stands for; any other cell is the version of the one prompt.
    """

    def __init__(
        self, rules: Sequence[Rule] = (), segments: Sequence[str] = (), uses: Mapping[str, tuple[Use, ...]] = NO_USES
    ) -> None:
        split = [Rule(dimensions=(*segments, "model"))] if segments else []
        self._rules = Rules(rules=(*split, *rules))
        self._ledger = QualityEngine(self._rules)
        self._uses: dict[str | None, tuple[Use, ...]] = {None: _NO_VERSION}
        self._uses |= {version: known for version, known in uses.items()}  # noqa: C416  # widens the keys' type

    def watch(self, target: str | None, metric: Metric) -> WatchedMetric:
        return WatchedMetric(Dimension("backtest", "past", target or "all", metric.name), metric)

    def floor(self, watched: WatchedMetric) -> float:
        """The smallest drop on the metric's scale that is raised."""
        return self._rules.watching(watched.dimension, watched.metric).settings.floor

    def take(
        self, watched: WatchedMetric, version: str | None, fact: ExecutionFact, at: float, value: float
    ) -> list[RegressionEvent]:
        """One value on the metric's scale, of an execution that ran at Unix time `at`; what it led to."""
        uses = self._uses.get(version)
        if uses is None:
            uses = self._uses[version] = (Use(PROMPT, version or ""),)
        return self._ledger.apply(Reading(watched.dimension, watched.metric, uses, fact, value, None, at, at))

    def verdict(self, watched: WatchedMetric) -> Verdict:
        """What is known of a metric that raised nothing: each version, against what it was compared with."""
        answers = {
            stream.finding().answer
            for key, stream in self._ledger.streams.items()
            if key.prompt_metric.dimension == watched.dimension
        }
        if answers <= {"no baseline yet", "no data"}:
            return "no baseline yet" if "no baseline yet" in answers else "no data"
        return "holds" if answers == {"holds"} else "inconclusive"

    def words(self, watched: WatchedMetric) -> tuple[LosingTerm, ...]:
        """The words of the inputs that lost most, of the regression that was raised last."""
        return tuple(LosingTerm(**term) for term in self._ledger.regressions[watched.dimension].terms)
