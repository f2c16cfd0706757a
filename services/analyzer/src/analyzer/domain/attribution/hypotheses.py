"""Hypotheses about which values got worse, and their scores."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from analyzer.domain.attribution.contrasts import ChangePoint, Comparison, Contrast, compare, estimate_onset
from analyzer.domain.attribution.timeline import Timeline
from analyzer.domain.segments.dimensions import NAMELESS, NOT_GIVEN, Level

FEWEST = 10
"""Minimum number of values after the change."""
_FELL = 0.02
_SURELY = 4.0
_FEW_BUT_PAIRED = 3.0
"""Standard errors for anchors: there are few of them, and each is compared with itself."""
DimensionLevel = tuple[int, Level]
"""Index of a dimension, and one of its levels."""
TimeSpan = tuple[float, float]


class Beside(NamedTuple):
    """Timelines that may explain that of a metric: successful (1) and failed (0) executions of the target, and the
    differences of the judge's anchors to their first scores.
    """

    errors: Timeline | None = None
    anchors: Timeline | None = None


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """Only the values in `members` (indices of contrasts) got worse, by `-effect`.

    `level` None means all values. `since`: when the level started, None if it existed before. `where`: the known level
    that the drop is limited to. `upstream`: all values got worse because calls fail more often; `judged`: because their
    judge got stricter.
    """

    level: DimensionLevel | None
    members: tuple[int, ...]
    z: float = 0.0
    effect: float = 0.0
    n: int = 0
    since: TimeSpan | None = None
    where: DimensionLevel | None = None
    upstream: bool = False
    judged: bool = False

    @property
    def named(self) -> bool:
        """Whether it is more specific than "all values got worse"."""
        return self.level is not None or self.upstream or self.judged

    @property
    def score(self) -> float:
        """Twice the log-likelihood ratio to "no change"; 0 for an improvement."""
        return self.z * self.z if self.z > 0.0 else 0.0


def hypotheses(timeline: Timeline, comparison: Comparison, change: ChangePoint, beside: Beside) -> Iterator[Hypothesis]:
    """Yield the hypotheses with enough values whose start is compatible with the change; not scored."""
    every = tuple(range(len(comparison.contrasts)))
    yield Hypothesis(None, every)
    if beside.errors is not None and (since := fell_since(beside.errors, change, _SURELY)):
        yield Hypothesis(None, every, since=since, upstream=True)
    if beside.anchors is not None and (since := fell_since(beside.anchors, change, _FEW_BUT_PAIRED)):
        yield Hypothesis(None, every, since=since, judged=True)
    known = [each for each in _levels(comparison, came=False) if each.members != every]
    # The outcome of calls explains values by its share, not by getting worse.
    known = [each for each in known if each.level and comparison.names[each.level[0]] != "outcome"]
    yield from known
    for each in _levels(comparison, came=True):
        since = _since(timeline, comparison, each.level)
        if overlap(since, change):
            yield replace(each, since=since)
            for part in known:
                members = tuple(sorted(set(each.members) & set(part.members)))
                if members != each.members and _count(comparison.contrasts, members) >= FEWEST:
                    yield Hypothesis(each.level, members, since=since, where=part.level)


def score_hypothesis(hypothesis: Hypothesis, contrasts: Sequence[Contrast]) -> Hypothesis:
    """Return the hypothesis with z and effect: the best estimate of a drop that all members share."""
    weight = sum(contrasts[at].weight for at in hypothesis.members)
    fall = sum(contrasts[at].weight * contrasts[at].fall for at in hypothesis.members)
    n = _count(contrasts, hypothesis.members)
    return replace(hypothesis, z=-fall / math.sqrt(weight), effect=fall / weight, n=n) if weight else hypothesis


def overlap(since: TimeSpan, change: ChangePoint) -> bool:
    """Return whether the interval `since` overlaps that of the change."""
    return since[0] <= change.high and since[1] >= change.low


def fell_since(other: Timeline, change: ChangePoint, least: float) -> TimeSpan | None:
    """Return the interval of the change if the values of another timeline are lower since then, too; else None.

    `least`: standard errors that they must be lower by.
    """
    comparison = compare(other, change)
    every = score_hypothesis(Hypothesis(None, tuple(range(len(comparison.contrasts)))), comparison.contrasts)
    return (change.low, change.high) if every.z >= least and -every.effect >= _FELL else None


def _levels(comparison: Comparison, came: bool) -> Iterator[Hypothesis]:
    """Yield a hypothesis for each level of each dimension: new levels if `came`, else existing ones."""
    for index in range(len(comparison.names)):
        members: dict[Level, list[int]] = {}
        for at, each in enumerate(comparison.contrasts):
            members.setdefault(each.cell[index], []).append(at)
        for level, found in members.items():
            fits = (
                (level in comparison.new[index]) == came and level not in NAMELESS and not (came and level == NOT_GIVEN)
            )
            if fits and _count(comparison.contrasts, found) >= FEWEST:
                yield Hypothesis((index, level), tuple(found))


def _since(timeline: Timeline, comparison: Comparison, level: DimensionLevel | None) -> TimeSpan:
    assert level is not None
    shares = comparison.before.share(*level), comparison.after.share(*level)
    return estimate_onset(timeline, *level, *shares)


def _count(contrasts: Sequence[Contrast], members: Sequence[int]) -> int:
    return sum(contrasts[at].n for at in members)
