"""Which change of traffic explains a change of the mean, though no cell changed (Kitagawa, 1955)."""

from dataclasses import dataclass

from analyzer.domain.attribution.contrasts import ChangePoint, Comparison, onset
from analyzer.domain.attribution.hypotheses import Level, Span, overlap
from analyzer.domain.attribution.timeline import Timeline
from analyzer.domain.segments.dimensions import FORGOTTEN

_PART = 0.25
"""Traffic mix is told where it explains a quarter of the fall, and is more than chance."""
_SURELY = 2.5
_MISSED = 0.5
"""Dimensions whose shares don't explain half of the mix explain nothing."""
_ALIKE = 0.15
"""Dimensions whose shares explain the mix nearly as well as the best one does can't be told apart."""


@dataclass(frozen=True, slots=True)
class Mix:
    """The shares of a dimension's levels explain `part` of the mean's change; those of `level` do most."""

    level: Level
    part: float
    old: float
    now: float
    mean: float
    since: Span


def mixes(timeline: Timeline, comparison: Comparison, change: ChangePoint) -> list[Mix]:
    """The dimension whose shares explain the mix best, and those that can't be told apart from it; mostly none.

    A dimension explains it if its levels' means before, in its shares after, give what all cells together give.
    """
    mix = comparison.mix
    if (
        not comparison.contrasts
        or mix > -_SURELY * comparison.mix_error
        or mix > _PART * min(comparison.raw, 0.0)
        or mix >= 0.0
    ):
        return []
    parts = [(abs(mix - sum(_parts(comparison, place).values())), place) for place in range(len(comparison.names))]
    least = min(miss for miss, _ in parts)
    near = [place for miss, place in sorted(parts) if miss <= min(least - _ALIKE * mix, -_MISSED * mix)]
    found = [_mix(timeline, comparison, place) for place in near]
    return [each for each in found if overlap(each.since, change)]


def _parts(comparison: Comparison, place: int) -> dict[str | None, float]:
    """What each level's change of share does to the mean; levels that are new do nothing that could be known."""
    before, after = comparison.before, comparison.after
    levels = {cell[place] for cell in (*before.cells, *after.cells)} - comparison.new[place] - {FORGOTTEN}
    return {
        level: (after.share(place, level) - before.share(place, level))
        * (before.level_mean(place, level) - before.mean)
        for level in levels
    }


def _mix(timeline: Timeline, comparison: Comparison, place: int) -> Mix:
    """Told by the level that grew: of those that lower the mean, the one that lowers it most."""
    before, after = comparison.before, comparison.after
    parts = _parts(comparison, place)
    grown = {level: part for level, part in parts.items() if after.share(place, level) > before.share(place, level)}
    level = min(grown or parts, key=lambda each: parts[each])
    old, now = before.share(place, level), after.share(place, level)
    since = onset(timeline, place, level, old, now)
    return Mix((place, level), sum(parts.values()), old, now, before.level_mean(place, level), since)
