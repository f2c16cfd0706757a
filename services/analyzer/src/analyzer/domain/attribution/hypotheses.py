"""Hypotheses about which values got worse, and their scores."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from analyzer.domain.attribution.contrasts import ChangePoint, Comparison, Contrast, compare, onset
from analyzer.domain.attribution.timeline import Timeline
from analyzer.domain.segments.dimensions import NAMELESS, NOT_GIVEN

FEWEST = 10
"""Minimum number of values after the change."""
_MORE_ERRORS = 0.02
_SURELY = 4.0
DimensionLevel = tuple[int, str | None]
"""Index of a dimension, and one of its levels."""
TimeSpan = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """Only the values in `members` (indices of contrasts) got worse, by `-effect`.

    `level` None means all values. `since`: when the level started, None if it existed before. `where`: the known level
    that the drop is limited to. `upstream`: all values got worse because calls fail more often.
    """

    level: DimensionLevel | None
    members: tuple[int, ...]
    z: float = 0.0
    effect: float = 0.0
    n: int = 0
    since: TimeSpan | None = None
    where: DimensionLevel | None = None
    upstream: bool = False

    @property
    def named(self) -> bool:
        """Whether it is more specific than "all values got worse"."""
        return self.level is not None or self.upstream

    @property
    def score(self) -> float:
        """Twice the log-likelihood ratio to "no change"; 0 for an improvement."""
        return self.z * self.z if self.z > 0.0 else 0.0


def hypotheses(
    timeline: Timeline, comparison: Comparison, change: ChangePoint, errors: Timeline | None
) -> Iterator[Hypothesis]:
    """Yield the hypotheses with enough values whose start is compatible with the change; not scored."""
    every = tuple(range(len(comparison.contrasts)))
    yield Hypothesis(None, every)
    if errors is not None and (since := more_errors(errors, change)):
        yield Hypothesis(None, every, since=since, upstream=True)
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


def scored(hypothesis: Hypothesis, contrasts: Sequence[Contrast]) -> Hypothesis:
    """Return the hypothesis with z and effect: the best estimate of a drop that all members share."""
    weight = sum(contrasts[at].weight for at in hypothesis.members)
    fall = sum(contrasts[at].weight * contrasts[at].fall for at in hypothesis.members)
    n = _count(contrasts, hypothesis.members)
    return replace(hypothesis, z=-fall / math.sqrt(weight), effect=fall / weight, n=n) if weight else hypothesis


def overlap(since: TimeSpan, change: ChangePoint) -> bool:
    """Return whether the interval `since` overlaps that of the change."""
    return since[0] <= change.high and since[1] >= change.low


def more_errors(errors: Timeline, change: ChangePoint) -> TimeSpan | None:
    """Return the interval of the change if calls fail more often since then, else None."""
    comparison = compare(errors, change)
    every = scored(Hypothesis(None, tuple(range(len(comparison.contrasts)))), comparison.contrasts)
    return (change.low, change.high) if every.z >= _SURELY and -every.effect >= _MORE_ERRORS else None


def _levels(comparison: Comparison, came: bool) -> Iterator[Hypothesis]:
    """Yield a hypothesis for each level of each dimension: new levels if `came`, else existing ones."""
    for index in range(len(comparison.names)):
        members: dict[str | None, list[int]] = {}
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
    return onset(timeline, *level, *shares)


def _count(contrasts: Sequence[Contrast], members: Sequence[int]) -> int:
    return sum(contrasts[at].n for at in members)
