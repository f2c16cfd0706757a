"""The one place that knows the ledger: rows go in as readings, turns come out. There is no second way to a finding."""

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from analyzer.detector import BettingDetector
from analyzer.ledger import Ledger, Turn
from analyzer.model import Dimension, Metric, Policy, Reading, Use
from analyzer.state import Watch
from analyzer.sums import Sums, measurement

Verdict = Literal["regressed", "holds", "inconclusive", "no data"]
_PROMPT = "prompt"
_NO_VERSION: tuple[Use, ...] = (Use("", "none"),)


def _ledger() -> Ledger:
    return Ledger(BettingDetector(), Policy())


class Fact(NamedTuple):
    """What is known of the execution behind a value: name, Unix time, version, model, levels of the segments …"""

    name: str
    at: float
    version: str | None = None
    model: str | None = None
    levels: tuple[str | None, ...] = ()
    text: str = ""
    user: str | None = None


@dataclass(slots=True)
class Watched:
    """One metric of one target, and the ledger's key of it."""

    dimension: Dimension
    metric: Metric


@dataclass(slots=True)
class Driver:
    """Feeds the service's own ledger with rows of the past."""

    ledger: Ledger = field(default_factory=_ledger)
    _uses: dict[str, tuple[Use, ...]] = field(default_factory=dict)

    def watch(self, target: str | None, metric: Metric) -> Watched:
        return Watched(Dimension("backtest", "past", target or "all", metric.name), metric)

    def take(self, watched: Watched, fact: Fact, value: float) -> list[Turn]:
        """One value on the metric's scale; what it led to."""
        version = fact.version
        if version is None:
            uses = _NO_VERSION
        elif (uses := self._uses.get(version, ())) == ():
            uses = self._uses[version] = (Use(_PROMPT, version),)
        reading = Reading(watched.dimension, watched.metric, uses, fact.name, fact.model, value, None, fact.at, fact.at)
        return self.ledger.take(reading)

    def verdict(self, watched: Watched) -> Verdict:
        """What is known of a metric that raised nothing: each version, against what it was compared with."""
        minimum, metric = self.ledger.policy.minimum, watched.metric
        sides = [
            (stream.watch.baseline.sums, _merged(stream.watch))
            for key, stream in self.ledger.streams.items()
            if key.line.dimension == watched.dimension and stream.watch
        ]
        compared = [(was, now) for was, now in sides if min(was.n, now.n) >= minimum]
        if compared and metric.tested and all(_within(was, now, metric) for was, now in compared):
            return "holds"
        return "inconclusive"


def _merged(watch: Watch) -> Sums:
    """All values since the watch began."""
    every = Sums()
    every.merge(watch.window.earlier)
    every.merge(watch.window.sums)
    return every


def _within(was: Sums, now: Sums, metric: Metric) -> bool:
    """Whether the intervals of both sides leave no room for a drop beyond the floor."""
    best, worst = (measurement(sums, metric) for sums in (was, now))
    ends = [metric.to_scale(end) for end in (best.low, best.high)]
    least = min(metric.to_scale(end) for end in (worst.low, worst.high))
    return max(ends) - least <= metric.floor
