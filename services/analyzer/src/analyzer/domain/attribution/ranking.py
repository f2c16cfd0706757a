"""Ranking of the causes of a regression.

Each hypothesis names the values that got worse: all, those of one level of one dimension, those of a new level, or both
at once. The drop of a cell is measured against the same cell before (or similar cells, if a level is new), so a change
of traffic mix is not attributed to a level. The score of a hypothesis is how much of the drops it explains,

    z = -sum(weight * fall) / sqrt(sum(weight)),  over its cells; weights are inverse variances,

and z*z is twice its log-likelihood ratio to "no change". Hypotheses within a likelihood ratio of 10 of the best cannot
be distinguished. Among them, a level that is new with the change is preferred to existing ones; two new ones cannot be
distinguished; "all values" has no name.

Levels that started outside the interval of the change are not considered. After a cause is found, the other values are
searched for another. Traffic mix is a cause of the drop of the raw mean only: see `Comparison.mix`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from analyzer.domain.attribution.causes import RankedCause, drop_cause, traffic_cause, unknown_cause
from analyzer.domain.attribution.contrasts import ChangePoint, Comparison, compare
from analyzer.domain.attribution.hypotheses import Beside, DimensionLevel, Hypothesis, hypotheses, score_hypothesis
from analyzer.domain.attribution.mix_shift import find_mix_shifts
from analyzer.domain.attribution.timeline import Timeline

NOTHING_BESIDE = Beside()
INDISTINGUISHABLE = 2.0 * math.log(10.0)
"""In units of z*z."""
_CHANCE = 0.01
"""Maximum probability that noise is named, shared by all hypotheses."""
_MOSTLY = 0.5
"""If traffic explains a smaller part of the drop, other causes are assumed to exist."""


@dataclass(frozen=True, slots=True)
class Attribution:
    """Causes, most explained first; never empty. If not `certain`, they cannot be distinguished.

    `raw` is the change of the mean; `mix` the part that traffic explains, `within` the rest.
    """

    certain: bool
    causes: tuple[RankedCause, ...]
    raw: float
    mix: float
    within: float


def rank_hypotheses(timeline: Timeline, change: ChangePoint, beside: Beside = NOTHING_BESIDE) -> Attribution:
    """Return the causes of a drop that started at `change`; other timelines may explain it."""
    comparison = compare(timeline, change)
    traffic = [traffic_cause(comparison, mix) for mix in find_mix_shifts(timeline, comparison, change)]
    explained = bool(traffic) and comparison.mix <= _MOSTLY * comparison.raw
    certain, found = _within(timeline, comparison, change, beside, explained)
    if traffic and (not found or traffic[0].explains < found[0].explains):
        certain = explained and len(traffic) == 1
    ranked = sorted([*found, *traffic], key=lambda cause: cause.explains)
    return Attribution(
        certain, tuple(ranked) or (unknown_cause(comparison),), comparison.raw, comparison.mix, comparison.within
    )


def _within(
    timeline: Timeline, comparison: Comparison, change: ChangePoint, beside: Beside, explained: bool
) -> tuple[bool, list[RankedCause]]:
    """Return whether the main cause within cells is unique, and the causes.

    The first cause must only be distinguishable, unless traffic has explained most of the drop: then it must be
    significant, as further causes must be.
    """
    remaining = list(hypotheses(timeline, comparison, change, beside))
    beyond_chance = 2.0 * math.log(len(remaining) / _CHANCE)
    enough = beyond_chance if explained else INDISTINGUISHABLE
    found: list[RankedCause] = []
    while remaining:
        tested = [score_hypothesis(each, comparison.contrasts) for each in remaining]
        best = max(each.score for each in tested)
        named = _distinguish([each for each in tested if each.score >= best - INDISTINGUISHABLE])
        certain = len(named) == 1 and named[0].named
        if best < enough or (found and not certain):
            break
        found += [drop_cause(comparison, each) for each in named]
        if not certain:
            return False, found
        enough = beyond_chance
        concerned = {at for each in named for at in each.members}
        remaining = [rest for each in remaining if (rest := _without(each, concerned)).members and rest.level]
    return bool(found), found


def _without(hypothesis: Hypothesis, concerned: set[int]) -> Hypothesis:
    return replace(hypothesis, members=tuple(at for at in hypothesis.members if at not in concerned))


def _distinguish(likely: Sequence[Hypothesis]) -> list[Hypothesis]:
    """Return the hypotheses to report, of those that explain the drops equally well; one if it is unique."""
    came: dict[DimensionLevel | None, Hypothesis] = {}
    for each in sorted((each for each in likely if each.since), key=_preference):
        came.setdefault(each.level, each)
    everything = [each for each in likely if not each.named]
    return list(came.values()) or everything or sorted(likely, key=lambda each: -each.score)


def _preference(hypothesis: Hypothesis) -> tuple[bool, float]:
    """Sort a whole level before a part of it, then by likelihood."""
    return hypothesis.where is not None, -hypothesis.score
