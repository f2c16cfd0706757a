"""Agreement of raters from counts: how often each combination of ratings occurs.

The statistics are those of `agreement`. Because each one is a function of sums over items, a bootstrap replicate is a
multinomial draw of counts, so that 1,000 replicates of 100,000 items take as long as those of 100.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ratchet_evaluation.domain.statistics.agreement import LEVEL, REPLICATES, Agreement, Floats

CountedStatistic = Literal["cohen_kappa", "fleiss_kappa", "nominal_alpha", "interval_alpha", "mean"]
_LEAST_ITEMS = 10
_LEAST_DEFINED = 0.9
_DRAWN_TOGETHER = 100
"""Replicates that are in memory at a time."""


@dataclass(frozen=True, slots=True)
class RatingPattern:
    """Ratings that `count` items have, one of each rater; categories are numbers, too."""

    ratings: tuple[float, ...]
    count: int


@dataclass(frozen=True, slots=True)
class _Sums:
    """What is summed over items: a row of `terms` for each pattern; `value` maps sums (rows) to the statistic."""

    terms: Floats
    value: Callable[[Floats], Floats]


def counted_agreement(statistic: CountedStatistic, patterns: Sequence[RatingPattern], seed: int = 0) -> Agreement:
    """Return a statistic with its bootstrap interval; None where it is not defined.

    Cohen's kappa needs two ratings in each pattern, in the order of the raters; Fleiss' kappa the same number of
    at least two, else ValueError. Alpha ignores patterns with one rating; `mean` is that of all ratings' means. The
    interval is None with fewer than 10 items, or if the statistic is often not defined in the replicates.
    """
    used = [it for it in patterns if it.count > 0 and (statistic == "mean" or len(it.ratings) > 1)]
    n = sum(it.count for it in used)
    if n == 0:
        return Agreement(None, None, None, 0, 0)
    sums = _SUMS[statistic](used)
    counts = np.array([it.count for it in used], dtype=np.float64)
    whole = float(sums.value(counts[np.newaxis, :] @ sums.terms)[0])
    found = np.concatenate(list(_replicates(sums, counts, seed))) if n >= _LEAST_ITEMS else np.array([])
    found = found[np.isfinite(found)]
    value = whole if np.isfinite(whole) else None
    if value is None or len(found) < _LEAST_DEFINED * REPLICATES:
        return Agreement(value, None, None, n, n)
    tail = 100.0 * (1.0 - LEVEL) / 2.0
    low, high = np.percentile(found, [tail, 100.0 - tail])
    return Agreement(value, float(low), float(high), n, n)


def _replicates(sums: _Sums, counts: Floats, seed: int) -> Iterator[Floats]:
    random, n = np.random.default_rng(seed), int(counts.sum())
    for start in range(0, REPLICATES, _DRAWN_TOGETHER):
        drawn = random.multinomial(n, counts / n, size=min(_DRAWN_TOGETHER, REPLICATES - start))
        yield sums.value(drawn.astype(np.float64) @ sums.terms)


def _cohen(patterns: Sequence[RatingPattern]) -> _Sums:
    if any(len(it.ratings) != 2 for it in patterns):
        raise ValueError("each item needs the ratings of both raters")
    categories = _categories(patterns)
    sides = [_indicators([it.ratings[side : side + 1] for it in patterns], categories) for side in (0, 1)]
    agreed = np.array([[1.0, float(it.ratings[0] == it.ratings[1])] for it in patterns])

    def value(rows: Floats) -> Floats:
        n, same, shares = rows[:, 0], rows[:, 1], rows[:, 2:].reshape(len(rows), 2, -1)
        by_chance = (shares[:, 0] * shares[:, 1]).sum(axis=1) / n**2
        return _beyond_chance(same / n, by_chance)

    return _Sums(np.hstack([agreed, *sides]), value)


def _fleiss(patterns: Sequence[RatingPattern]) -> _Sums:
    sizes = {len(it.ratings) for it in patterns}
    if len(sizes) != 1:
        raise ValueError("each item needs the same number of ratings, at least two")
    [raters] = sizes
    counts = _indicators([it.ratings for it in patterns], _categories(patterns))
    pairs = (counts * (counts - 1.0)).sum(axis=1, keepdims=True) / (raters * (raters - 1))

    def value(rows: Floats) -> Floats:
        n, agreed, found = rows[:, 0], rows[:, 1], rows[:, 2:]
        by_chance = np.square(found / (n * raters)[:, np.newaxis]).sum(axis=1)
        return _beyond_chance(agreed / n, by_chance)

    return _Sums(np.hstack([np.ones_like(pairs), pairs, counts]), value)


def _nominal(patterns: Sequence[RatingPattern]) -> _Sums:
    counts = _indicators([it.ratings for it in patterns], _categories(patterns))
    sizes = counts.sum(axis=1, keepdims=True)
    apart = (sizes**2 - np.square(counts).sum(axis=1, keepdims=True)) / (sizes - 1.0)

    def value(rows: Floats) -> Floats:
        observed, found = rows[:, 0], rows[:, 1:]
        n = found.sum(axis=1)
        return _beyond_expected(observed, (n**2 - np.square(found).sum(axis=1)) / (n - 1.0))

    return _Sums(np.hstack([apart, counts]), value)


def _interval(patterns: Sequence[RatingPattern]) -> _Sums:
    # Around the middle, so that squares of large values don't cancel out
    middle = float(np.mean([rating for it in patterns for rating in it.ratings]))
    centred = [np.array(it.ratings) - middle for it in patterns]
    terms = np.array([[float(len(it)), it.sum(), np.square(it).sum()] for it in centred])
    sizes, first, second = terms.T
    apart = (2.0 * sizes * second - 2.0 * first**2) / (sizes - 1.0)

    def value(rows: Floats) -> Floats:
        observed, n, one, two = rows.T
        return _beyond_expected(observed, (2.0 * n * two - 2.0 * one**2) / (n - 1.0))

    return _Sums(np.column_stack([apart, terms]), value)


def _mean(patterns: Sequence[RatingPattern]) -> _Sums:
    terms = np.array([[1.0, float(np.mean(it.ratings))] for it in patterns])
    return _Sums(terms, lambda rows: rows[:, 1] / rows[:, 0])


def _categories(patterns: Sequence[RatingPattern]) -> Floats:
    return np.unique(np.array([rating for it in patterns for rating in it.ratings], dtype=np.float64))


def _indicators(ratings: Sequence[Sequence[float]], categories: Floats) -> Floats:
    """Return how often each category (column) is in the ratings of each pattern (row)."""
    return np.array([(np.array(each)[:, np.newaxis] == categories).sum(axis=0) for each in ratings], dtype=np.float64)


def _beyond_chance(agreed: Floats, by_chance: Floats) -> Floats:
    rest = np.where(np.isclose(by_chance, 1.0), np.nan, 1.0 - by_chance)
    found: Floats = (agreed - by_chance) / rest
    return found


def _beyond_expected(observed: Floats, expected: Floats) -> Floats:
    found: Floats = 1.0 - observed / np.where(expected < 1e-12, np.nan, expected)
    return found


_SUMS: dict[CountedStatistic, Callable[[Sequence[RatingPattern]], _Sums]] = {
    "cohen_kappa": _cohen,
    "fleiss_kappa": _fleiss,
    "nominal_alpha": _nominal,
    "interval_alpha": _interval,
    "mean": _mean,
}
