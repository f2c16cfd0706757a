"""What may have fallen: hypotheses about which values did, and how well each explains what is seen."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from analyzer.domain.attribution.contrasts import ChangePoint, Comparison, Contrast, compare, onset
from analyzer.domain.attribution.timeline import Timeline
from analyzer.domain.segments.dimensions import NAMELESS, NOT_TOLD

FEWEST = 10
"""A hypothesis concerns so many values after the change, or it is none."""
_MORE_ERRORS = 0.02
_SURELY = 4.0
Level = tuple[int, str | None]
"""The place of a dimension, and one of its levels."""
Span = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """The values in `members` (places of contrasts) fell by `-effect`, and no others.

    `level` None means everything. `since` tells when the level came, None if it was there before; `where` is the known
    level that the fall is confined to. `upstream`: everything fell because calls fail more often.
    """

    level: Level | None
    members: tuple[int, ...]
    z: float = 0.0
    effect: float = 0.0
    n: int = 0
    since: Span | None = None
    where: Level | None = None
    upstream: bool = False

    @property
    def named(self) -> bool:
        """Whether it says more than "everything fell"."""
        return self.level is not None or self.upstream

    @property
    def score(self) -> float:
        """Twice the log-likelihood against "nothing fell"; 0 for what rose."""
        return self.z * self.z if self.z > 0.0 else 0.0


def hypotheses(
    timeline: Timeline, comparison: Comparison, change: ChangePoint, errors: Timeline | None
) -> Iterator[Hypothesis]:
    """Every hypothesis that the values allow, and whose start the change's interval allows; not scored yet."""
    every = tuple(range(len(comparison.contrasts)))
    yield Hypothesis(None, every)
    if errors is not None and (since := more_errors(errors, change)):
        yield Hypothesis(None, every, since=since, upstream=True)
    known = [each for each in _levels(comparison, came=False) if each.members != every]
    # How a call ended explains values by its share, not by getting worse.
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
    """With its z and effect: the best estimate of one fall that all its members share."""
    weight = sum(contrasts[at].weight for at in hypothesis.members)
    fall = sum(contrasts[at].weight * contrasts[at].fall for at in hypothesis.members)
    n = _count(contrasts, hypothesis.members)
    return replace(hypothesis, z=-fall / math.sqrt(weight), effect=fall / weight, n=n) if weight else hypothesis


def overlap(since: Span, change: ChangePoint) -> bool:
    """Whether what began in that span may have begun with the change."""
    return since[0] <= change.high and since[1] >= change.low


def more_errors(errors: Timeline, change: ChangePoint) -> Span | None:
    """When calls began to fail more often: with the change, or None."""
    comparison = compare(errors, change)
    every = scored(Hypothesis(None, tuple(range(len(comparison.contrasts)))), comparison.contrasts)
    return (change.low, change.high) if every.z >= _SURELY and -every.effect >= _MORE_ERRORS else None


def _levels(comparison: Comparison, came: bool) -> Iterator[Hypothesis]:
    """One for each level of each dimension: those that came, or those that were there before."""
    for place in range(len(comparison.names)):
        members: dict[str | None, list[int]] = {}
        for at, each in enumerate(comparison.contrasts):
            members.setdefault(each.cell[place], []).append(at)
        for level, found in members.items():
            fits = (
                (level in comparison.new[place]) == came and level not in NAMELESS and not (came and level == NOT_TOLD)
            )
            if fits and _count(comparison.contrasts, found) >= FEWEST:
                yield Hypothesis((place, level), tuple(found))


def _since(timeline: Timeline, comparison: Comparison, level: Level | None) -> Span:
    assert level is not None
    shares = comparison.before.share(*level), comparison.after.share(*level)
    return onset(timeline, *level, *shares)


def _count(contrasts: Sequence[Contrast], members: Sequence[int]) -> int:
    return sum(contrasts[at].n for at in members)
