"""Reported intervals are valid under continuous monitoring: at least 94 % of streams never exclude the true value.

Seeds are fixed, so results are deterministic. With RATCHET_SOAK=1 there are 40 streams per family: if the true miss
rate were 5 %, more than 7 of 40 would occur with a probability of 0.07 %. Over seven families at most 6 % of 280 may
miss: if the true rate were 10 %, that few would occur with a probability of 0.9 %. Otherwise there are 16 per family,
enough to distinguish intervals for a single look from ours.
"""

from collections import Counter

import pytest

from analyzer.domain.detection import findings
from benchmarks.detection.coverage import FAMILIES, PARTS, Case, watched
from tests.support.soak import scaled

RUNS, ALLOWED, TOGETHER = scaled((16, 2, 6), (40, 7, 16))


def misses(case: Case) -> tuple[Counter[str], Counter[str]]:
    """Return in how many streams each interval missed: ever, and when the regression was detected."""
    found = [watched(case, run) for run in range(RUNS)]
    ever = Counter(part for each in found for part in each.ever)
    return ever, Counter(part for each in found for part in each.raised or ())


@pytest.mark.parametrize("drop", [0.0, 0.1])
@pytest.mark.parametrize("declared", [True, False])
def test_intervals_of_both_means_and_of_the_drop(declared: bool, drop: float) -> None:
    seen = {family: misses(Case(family, declared, drop)) for family in FAMILIES}
    for part in PARTS:
        for at_once in (0, 1):
            found = {family: both[at_once][part] for family, both in seen.items()}
            assert max(found.values()) <= ALLOWED, found
            assert sum(found.values()) <= TOGETHER, found


@pytest.mark.parametrize("declared", [True, False])
def test_fixed_sample_intervals_fail_the_suite(declared: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Use 1.96 standard errors: valid for a number of values that is fixed in advance, not for any moment."""
    monkeypatch.setattr(findings, "widening", lambda blocks: 1.96)
    monkeypatch.setattr(findings, "drift_height", lambda *of: 1.96)
    ever, _ = misses(Case("scores", declared, 0.0))
    assert ever["after"] > ALLOWED
    assert ever["drop"] > ALLOWED
