"""A regression is resolved with the same rigour as it was detected."""

import json
import random

from analyzer.domain.detection import DetectionSettings, NonInferiorityTest
from tests.support.monitors import beta, drawn, reference
from tests.support.soak import scaled

POLICY = DetectionSettings()


def recovery(seed: int, mean: float, n: int) -> int | None:
    """Return after how many values of that mean it is shown to be above 0.75."""
    rnd = random.Random(seed)
    watch = NonInferiorityTest("bounded", POLICY, reference("bounded", drawn(beta(0.8), rnd, 1000)), 0.75)
    return next((at for at, value in enumerate(drawn(beta(mean), rnd, n), 1) if watch.observe(value)), None)


def test_recovered_stream_is_detected_soon() -> None:
    found = [recovery(seed, 0.8, 1000) for seed in range(30)]
    assert all(at is not None and at >= POLICY.minimum for at in found)
    assert sorted(at or 0 for at in found)[15] <= 150


def test_stream_still_below_by_the_floor_does_not_recover() -> None:
    """At the boundary of the null hypothesis: at a true rate of 5 %, more than 10 of 60 occur with a probability of
    0.03 %, more than 6 of 20 with one of 0.003 %.
    """
    seeds, most = scaled((60, 10), (60, 10), unit=(20, 6))
    assert sum(recovery(seed, 0.75, 1500) is not None for seed in range(seeds)) <= most


def test_state_survives_a_restart() -> None:
    rnd = random.Random(1)
    watch = NonInferiorityTest("bounded", POLICY, reference("bounded", drawn(beta(0.8), rnd, 1000)), 0.75)
    values = drawn(beta(0.79), rnd, 333)
    for value in values[:171]:
        watch.observe(value)
    other = NonInferiorityTest.load(json.loads(json.dumps(watch.dump())), POLICY)
    assert [watch.observe(value) for value in values[171:]] == [other.observe(value) for value in values[171:]]
    assert other.dump() == watch.dump()
