"""Sums of values in whole millionths, equal to those that the engine adds up value by value."""

import numpy as np

from analyzer.domain.streams.sums import MICROS, Sums
from ratchet_backtest.columnar.row_groups import Floats, Ints

__all__ = ["MICROS", "exact_sums", "to_micros"]
_CHUNK = 1 << 12
"""The squares of so few values do not overflow."""


def to_micros(values: Floats) -> Ints:
    """Return values in whole millionths, rounded as `round` does."""
    return np.rint(values * MICROS).astype(np.int64)


def exact_sums(values: Floats) -> Sums:
    """Return the sums of values."""
    total = squares = 0
    for start in range(0, len(values), _CHUNK):
        micros = to_micros(values[start : start + _CHUNK])
        total, squares = total + int(micros.sum()), squares + int(np.dot(micros, micros))
    return Sums(len(values), total, squares)
