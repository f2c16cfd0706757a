"""The error budget of repeated evaluations: later attempts have to show more, so that trying again finds nothing.

Attempt k is tested at the one-sided error `TOTAL` / 2^k. By the union bound, a candidate that is no better ever passes
with a probability of at most `TOTAL`, however many attempts there are and whatever they share (alpha spending: Lan and
DeMets, 1983, Discrete sequential boundaries for clinical trials, Biometrika 70(3)).
"""

TOTAL = 0.05
"""Probability that any attempt wrongly passes. The first one has half of it, as a single evaluation has."""
_LAST = 40
"""Later attempts have the level of this one, whose error is below 1e-13: a float has no smaller steps below 1."""


def attempt_level(attempt: int) -> float:
    """Return the level of the interval of an attempt, counted from 1. Raises ValueError for 0 and less."""
    if attempt < 1:
        raise ValueError("attempts are counted from 1")
    return 1.0 - 2.0 * TOTAL / 2.0 ** min(attempt, _LAST)
