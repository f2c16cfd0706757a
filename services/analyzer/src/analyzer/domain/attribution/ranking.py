"""What made it worse: ranked causes with evidence, or that it can't be told.

Each hypothesis says which values fell: all of them, those of one level of one dimension, those of a level that came
with the change, or both at once. A cell's fall is measured against the same cell before (or its kin, where a level is
new), so that a change of traffic mix blames nobody. A hypothesis is scored by how much of the falls it explains,

    z = -sum(weight * fall) / sqrt(sum(weight)),  over its cells; weights are inverse variances,

and z*z is twice its log-likelihood against "nothing fell". Hypotheses within a likelihood ratio of 10 of the best
can't be told apart by these values. Of them, one that came with the change beats those that were there before; two
that came with it can't be told apart; and "everything fell" has no name from inside.

What came outside of the change's interval is no hypothesis. After a cause is found, the values that it doesn't concern
are searched for another. Traffic mix is a cause of the raw mean's fall only: see `Comparison.mix`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from analyzer.domain.attribution.causes import RankedCause, fallen, mixed, unknown
from analyzer.domain.attribution.contrasts import ChangePoint, Comparison, compare
from analyzer.domain.attribution.hypotheses import Hypothesis, Level, hypotheses, scored
from analyzer.domain.attribution.mix_shift import mixes
from analyzer.domain.attribution.timeline import Timeline

INDISTINGUISHABLE = 2.0 * math.log(10.0)
"""In units of z*z."""
_CHANCE = 0.01
"""How often, at most, noise is given a name: shared by all hypotheses."""
_MOSTLY = 0.5
"""Traffic that explains less of the fall leaves it open that something fell besides."""


@dataclass(frozen=True, slots=True)
class Attribution:
    """Causes, the one that explains most first; never empty. Not `certain`: it can't be told which of them it was.

    `raw` is the change of the mean; `mix` the part that other traffic explains, `within` the rest of it.
    """

    certain: bool
    causes: tuple[RankedCause, ...]
    raw: float
    mix: float
    within: float


def attribute(timeline: Timeline, change: ChangePoint, errors: Timeline | None = None) -> Attribution:
    """The causes of a fall that began at `change`.

    `errors` is the timeline of the target's executions that ended well (1) or not (0), if there is one.
    """
    comparison = compare(timeline, change)
    traffic = [mixed(comparison, mix) for mix in mixes(timeline, comparison, change)]
    explained = bool(traffic) and comparison.mix <= _MOSTLY * comparison.raw
    certain, found = _within(timeline, comparison, change, errors, explained)
    if traffic and (not found or traffic[0].explains < found[0].explains):
        certain = explained and len(traffic) == 1
    ranked = sorted([*found, *traffic], key=lambda cause: cause.explains)
    return Attribution(
        certain, tuple(ranked) or (unknown(comparison),), comparison.raw, comparison.mix, comparison.within
    )


def _within(
    timeline: Timeline, comparison: Comparison, change: ChangePoint, errors: Timeline | None, explained: bool
) -> tuple[bool, list[RankedCause]]:
    """Causes of what happened within cells, and whether the main one has one name.

    That something fell is taken for granted, unless traffic has explained most of it: then it must be beyond chance,
    as any further cause must be.
    """
    open_ones = list(hypotheses(timeline, comparison, change, errors))
    beyond_chance = 2.0 * math.log(len(open_ones) / _CHANCE)
    enough = beyond_chance if explained else INDISTINGUISHABLE
    found: list[RankedCause] = []
    while open_ones:
        judged = [scored(each, comparison.contrasts) for each in open_ones]
        best = max(each.score for each in judged)
        named = _told_apart([each for each in judged if each.score >= best - INDISTINGUISHABLE])
        certain = len(named) == 1 and named[0].named
        if best < enough or (found and not certain):
            break
        found += [fallen(comparison, each) for each in named]
        if not certain:
            return False, found
        enough = beyond_chance
        concerned = {at for each in named for at in each.members}
        open_ones = [rest for each in open_ones if (rest := _without(each, concerned)).members and rest.level]
    return bool(found), found


def _without(hypothesis: Hypothesis, concerned: set[int]) -> Hypothesis:
    return replace(hypothesis, members=tuple(at for at in hypothesis.members if at not in concerned))


def _told_apart(likely: Sequence[Hypothesis]) -> list[Hypothesis]:
    """The hypotheses to name, of those that explain the falls about as well: if it is one, it can be told."""
    came: dict[Level | None, Hypothesis] = {}
    for each in sorted((each for each in likely if each.since), key=_preference):
        came.setdefault(each.level, each)
    everything = [each for each in likely if not each.named]
    return list(came.values()) or everything or sorted(likely, key=lambda each: -each.score)


def _preference(hypothesis: Hypothesis) -> tuple[bool, float]:
    """A whole level before a part of it, then the more likely."""
    return hypothesis.where is not None, -hypothesis.score
