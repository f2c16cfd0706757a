"""Segments that got significantly worse than the rest."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

from analyzer.domain.attribution.causes import level_text
from analyzer.domain.attribution.contrasts import Comparison, Contrast
from analyzer.domain.segments.dimensions import NAMELESS, Level

FEWEST = 20
ALPHA = 0.05
"""Maximum probability that noise names a segment, shared by all tested segments (Bonferroni)."""


@dataclass(frozen=True, slots=True)
class LosingSegment:
    """A level with its `n` values since the change: mean `after`, expected mean `before`.

    `low` and `high` bound their change at the corrected level; `rest` is the change of all other values.
    """

    dimension: str
    level: str
    n: int
    before: float
    after: float
    low: float
    high: float
    rest: float


def losing_segments(comparison: Comparison) -> tuple[LosingSegment, ...]:
    """Return the segments that got significantly worse than the rest, worst first."""
    split = [
        (name, level, *_split(comparison.contrasts, index, level))
        for index, name in enumerate(comparison.names)
        for level in comparison.after.levels(index)
        if level not in NAMELESS
    ]
    known = [each for each in split if min(_n(each[2]), _n(each[3])) >= FEWEST]
    if not known:
        return ()
    z = NormalDist().inv_cdf(1.0 - ALPHA / (2.0 * len(known)))
    found = [_tested(name, level_text(level), inside, outside, z) for name, level, inside, outside in known]
    return tuple(sorted((each for each in found if each), key=lambda each: each.low + each.high))


def _split(contrasts: Sequence[Contrast], index: int, level: Level) -> tuple[list[Contrast], list[Contrast]]:
    inside = [each for each in contrasts if each.cell[index] == level]
    return inside, [each for each in contrasts if each.cell[index] != level]


def _tested(
    dimension: str, level: str, inside: Sequence[Contrast], outside: Sequence[Contrast], z: float
) -> LosingSegment | None:
    (fall, error), (rest, rest_error) = _fall(inside), _fall(outside)
    if fall >= 0.0 or fall - rest + z * math.hypot(error, rest_error) >= 0.0:
        return None
    n = _n(inside)
    before = sum(each.n * each.expected for each in inside) / n
    return LosingSegment(dimension, level, n, before, before + fall, fall - z * error, fall + z * error, rest)


def _fall(contrasts: Sequence[Contrast]) -> tuple[float, float]:
    """Return the mean change of these values, and its standard error."""
    n = _n(contrasts)
    fall = sum(each.n * each.fall for each in contrasts) / n
    return fall, math.sqrt(sum(each.n**2 / each.weight for each in contrasts)) / n


def _n(contrasts: Sequence[Contrast]) -> int:
    return sum(each.n for each in contrasts)
