"""Sums of values in whole millionths, equal to those that the engine adds up value by value."""

import numpy as np

from analyzer.domain.streams.sums import UNIT, Sums
from ratchet_backtest.columnar.row_groups import Floats, Ints

__all__ = ["UNIT", "exact_sums", "to_units"]
_CHUNK = 1 << 12
"""The squares of so few values do not overflow."""


def to_units(values: Floats) -> Ints:
    """Return values in whole millionths, rounded as `round` does."""
    return np.rint(values * UNIT).astype(np.int64)


def exact_sums(values: Floats) -> Sums:
    """Return the sums of values."""
    total = squares = 0
    for start in range(0, len(values), _CHUNK):
        units = to_units(values[start : start + _CHUNK])
        total, squares = total + int(units.sum()), squares + int(np.dot(units, units))
    return Sums(len(values), total, squares)
