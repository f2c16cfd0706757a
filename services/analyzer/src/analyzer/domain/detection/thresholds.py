"""The heights that a standardised difference must reach. Calibrated once on Gaussian noise; see docs/statistics.md."""

import math

from analyzer.domain.detection.running_stats import BLOCK

CALIBRATED = 0.05
"""The alpha of the constants below. Another alpha moves the squared height by twice the log of the ratio."""
_DRIFT = 2.95
_PER_LENGTH, _LONG = 1.9, 1000 // BLOCK
_PER_AGE = 4.0
SHORTEST = 50 // BLOCK
"""Blocks that a drop must have lasted: shorter ones are bursts."""


def drift_height(blocks: float, age: float, alpha: float) -> float:
    """For the latest `blocks` blocks against all before them, in a stream `age` times as old as when its watch began.

    Short suffixes are many, so they must reach higher. Alpha is spent over the stream's age: what is left after an
    age `a` falls as 1/a, so that all of it is never more than alpha, however long the watch lasts.
    """
    height = _DRIFT * _DRIFT + _PER_AGE * math.log(max(age, 1.0)) + 2.0 * math.log(CALIBRATED / alpha)
    if blocks < _LONG:
        height += _PER_LENGTH * math.log(_LONG / blocks)
    return math.sqrt(height)


_SWITCH = 2.65
_EARLY, _LATE = 100.0 / BLOCK, 170.0 / BLOCK
_PER_EARLY, _PER_LATE = 1.2, 1.8


def switch_height(blocks: float, alpha: float) -> float:
    """For all values since a switch against a reference; `blocks` is before * after / (before + after).

    Lowest from 100 to 170 values, where most is to be decided; never lower later, so that it may be watched for ever.
    """
    height = _SWITCH * _SWITCH + 2.0 * math.log(CALIBRATED / 2.0 / alpha)
    if blocks < _EARLY:
        height += _PER_EARLY * math.log(_EARLY / blocks)
    elif blocks > _LATE:
        height += _PER_LATE * math.log(blocks / _LATE)
    return math.sqrt(height)
