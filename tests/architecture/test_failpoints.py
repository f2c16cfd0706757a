"""The failpoints of the fault tests name methods that exist."""

import pytest

from tests.faults.failpoints import DECISION, SWEEP, Failpoint

FAILPOINTS = DECISION | {name: point for points in SWEEP.values() for name, point in points.items()}


@pytest.mark.parametrize("failpoint", FAILPOINTS.values(), ids=FAILPOINTS)
def test_the_method_of_a_failpoint_exists(failpoint: Failpoint) -> None:
    owner, name = failpoint.find()
    assert callable(getattr(owner, name))
