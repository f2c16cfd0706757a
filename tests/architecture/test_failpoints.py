"""The failpoints of the fault tests name existing methods: a renamed method fails here, in milliseconds."""

import pytest

from tests.faults.failpoints import DECISION, SWEEP, Failpoint

_POINTS = {name: point for points in (*SWEEP.values(), DECISION) for name, point in points.items()}


@pytest.mark.parametrize("point", _POINTS.values(), ids=_POINTS.keys())
def test_a_failpoint_names_a_method(point: Failpoint) -> None:
    owner, name = point.find_method()
    assert callable(getattr(owner, name))
