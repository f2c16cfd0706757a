"""Changes of traffic that explain a change of the mean without a change within cells (Kitagawa, 1955)."""

from dataclasses import dataclass

from analyzer.domain.attribution.contrasts import ChangePoint, Comparison, estimate_onset
from analyzer.domain.attribution.hypotheses import DimensionLevel, TimeSpan, overlap
from analyzer.domain.attribution.timeline import Timeline
from analyzer.domain.segments.dimensions import FORGOTTEN, Level

_PART = 0.25
"""Traffic mix is reported if it is significant and explains a quarter of the drop."""
_SURELY = 2.5
_MISSED = 0.5
"""Dimensions whose shares explain less than half of the mix are ignored."""
_ALIKE = 0.15
"""Dimensions whose shares explain the mix nearly as well as the best one cannot be distinguished."""


@dataclass(frozen=True, slots=True)
class MixShift:
    """A dimension whose shares explain `part` of the change of the mean, `level` most of it."""

    level: DimensionLevel
    part: float
    old: float
    now: float
    mean: float
    since: TimeSpan


def find_mix_shifts(timeline: Timeline, comparison: Comparison, change: ChangePoint) -> list[MixShift]:
    """Return the dimensions whose shares explain the mix best; usually none.

    A dimension explains it if the means of its levels before, weighted by their shares after, give the same as all
    cells.
    """
    mix = comparison.mix
    if (
        not comparison.contrasts
        or mix > -_SURELY * comparison.mix_error
        or mix > _PART * min(comparison.raw, 0.0)
        or mix >= 0.0
    ):
        return []
    parts = [(abs(mix - sum(_parts(comparison, index).values())), index) for index in range(len(comparison.names))]
    least = min(miss for miss, _ in parts)
    near = [index for miss, index in sorted(parts) if miss <= min(least - _ALIKE * mix, -_MISSED * mix)]
    found = [_mix(timeline, comparison, index) for index in near]
    return [each for each in found if overlap(each.since, change)]


def _parts(comparison: Comparison, index: int) -> dict[Level, float]:
    """Return the effect of each level's change of share on the mean, without new levels."""
    before, after = comparison.before, comparison.after
    levels = {cell[index] for cell in (*before.cells, *after.cells)} - comparison.new[index] - {FORGOTTEN}
    return {
        level: (after.share(index, level) - before.share(index, level))
        * (before.level_mean(index, level) - before.mean)
        for level in levels
    }


def _mix(timeline: Timeline, comparison: Comparison, index: int) -> MixShift:
    """Return the shift of a dimension, named by the level that grew and lowers the mean most."""
    before, after = comparison.before, comparison.after
    parts = _parts(comparison, index)
    grown = {level: part for level, part in parts.items() if after.share(index, level) > before.share(index, level)}
    level = min(grown or parts, key=lambda each: parts[each])
    old, now = before.share(index, level), after.share(index, level)
    since = estimate_onset(timeline, index, level, old, now)
    return MixShift((index, level), sum(parts.values()), old, now, before.level_mean(index, level), since)
