"""Thresholds of standardised differences. Calibrated on Gaussian noise; see docs/statistics.md."""

import math

from analyzer.domain.detection.running_stats import BLOCK

CALIBRATED = 0.05
"""The alpha of the constants below. Another alpha moves the squared threshold by twice the log of the ratio."""
_DRIFT = 2.95
_PER_LENGTH, _LONG = 1.9, 1000 // BLOCK
_PER_AGE = 4.0
SHORTEST = 50 // BLOCK
"""Minimum length of a drop in blocks; shorter ones are bursts."""


def drift_height(blocks: float, age: float, alpha: float) -> float:
    """Return the threshold for the latest `blocks` blocks against all before them.

    `age` is the age of the stream relative to the start of the test. There are many short suffixes, so their threshold
    is higher. Alpha is spent over the age of the stream: the part left after age `a` falls as 1/a, so the total is at
    most alpha however long the test runs.
    """
    height = _DRIFT * _DRIFT + _PER_AGE * math.log(max(age, 1.0)) + 2.0 * math.log(CALIBRATED / alpha)
    if blocks < _LONG:
        height += _PER_LENGTH * math.log(_LONG / blocks)
    return math.sqrt(height)


_SWITCH = 2.65
_EARLY, _LATE = 100.0 / BLOCK, 170.0 / BLOCK
_PER_EARLY, _PER_LATE = 1.2, 1.8


def switch_height(blocks: float, alpha: float) -> float:
    """Return the threshold for all values since a switch; `blocks` is before * after / (before + after).

    It is lowest from 100 to 170 values, where most decisions are made, and grows afterwards so that the test stays
    valid without a time limit.
    """
    height = _SWITCH * _SWITCH + 2.0 * math.log(CALIBRATED / 2.0 / alpha)
    if blocks < _EARLY:
        height += _PER_EARLY * math.log(_EARLY / blocks)
    elif blocks > _LATE:
        height += _PER_LATE * math.log(blocks / _LATE)
    return math.sqrt(height)
