"""Reference model of the agreement of raters, from single items; the product counts patterns of ratings instead."""

import math
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

Scale = Literal["nominal", "interval"]
Ratings = Sequence[Sequence[float | None]]
"""For each item the value of each rater; None: not rated."""
Floats = npt.NDArray[np.float64]


def fleiss_kappa(items: Sequence[Sequence[Hashable]]) -> float | None:
    """Return the agreement of raters on categories beyond chance (Fleiss, 1971).

    Items must have the same number of ratings, at least two; raters may differ from item to item. Raises ValueError
    otherwise. None if all ratings are the same.
    """
    sizes = {len(item) for item in items}
    if len(sizes) != 1 or min(sizes) < 2:
        raise ValueError("each item needs the same number of ratings, at least two")
    [raters] = sizes
    shares = _shares([rating for item in items for rating in item])
    by_chance = math.fsum(share**2 for share in shares.values())
    agreed = math.fsum(_agreeing_pairs(item) for item in items) / (len(items) * raters * (raters - 1))
    return None if math.isclose(by_chance, 1.0) else (agreed - by_chance) / (1.0 - by_chance)


def krippendorff_alpha(items: Ratings, scale: Scale) -> float | None:
    """Return 1 - observed / expected disagreement (Krippendorff, 2011), for any number of raters and missing values.

    `nominal`: values are categories; `interval`: their squared difference counts. None if no item has two ratings, or
    if all ratings are the same.
    """
    units = [np.array([value for value in item if value is not None]) for item in items]
    units = [unit for unit in units if len(unit) > 1]
    if not units:
        return None
    values = np.concatenate(units)
    expected = _disagreement(values, scale) / (len(values) - 1)
    observed = math.fsum(_disagreement(unit, scale) / (len(unit) - 1) for unit in units)
    return None if expected == 0.0 else 1.0 - observed / expected


def _shares(values: Sequence[Hashable]) -> Mapping[Hashable, float]:
    return {value: count / len(values) for value, count in Counter(values).items()}


def _agreeing_pairs(item: Sequence[Hashable]) -> float:
    counts = [share * len(item) for share in _shares(item).values()]
    return math.fsum(count * (count - 1.0) for count in counts)


def _disagreement(values: Floats, scale: Scale) -> float:
    """Return the sum of the differences of all ordered pairs of values."""
    n = len(values)
    if scale == "interval":
        centred = values - values.mean()
        return float(2.0 * n * np.square(centred).sum())
    _, counts = np.unique(values, return_counts=True)
    return float(n * n - np.square(counts).sum())
